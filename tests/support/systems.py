"""The sizes and costs that were counted on the public code of each study, by name."""

from pathlib import Path

import yaml


def _read() -> dict[str, dict[str, int]]:
    text = Path(__file__).with_name("systems.yaml").read_text(encoding="utf-8")
    families: dict[str, dict[str, dict[str, int]]] = yaml.safe_load(text)
    return {name: row for family in families.values() for name, row in family.items()}


SYSTEMS = _read()
