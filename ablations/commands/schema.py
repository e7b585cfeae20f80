"""`ablate schema`: the JSON Schema of a study file, for editors."""

import argparse

from ablations.files.plain_text import as_json
from ablations.studies.schema.study_file import study_file_schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate schema`."""
    parser.epilog = (
        "Write it beside a file of your own (ablate schema > experiments.schema.json) and begin "
        "that file with: # yaml-language-server: $schema=experiments.schema.json"
    )


def command(_: argparse.Namespace) -> int:
    """Print the schema."""
    print(as_json(study_file_schema()))
    return 0
