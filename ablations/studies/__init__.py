"""From YAML to typed studies and the points of their designs."""

from ablations.studies.designs import sets  # noqa: F401 registers designs beside the others
