"""`python -m ablations`: the same as `ablate`."""

import sys

from ablations.cli import main

if __name__ == "__main__":
    sys.exit(main())
