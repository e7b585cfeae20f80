"""The JSON Schema of a study file (draft 2020-12), for editors: from the config classes alone.

What needs more than one key, a name of another section or the data is for `ablate plan` to refuse.
"""

from collections.abc import Mapping, Sequence
from functools import reduce

from ablations.studies.config import SECTIONS, Hardware, Recipe, StudyConfig
from ablations.studies.designs import DESIGNS
from ablations.studies.designs.design import Points
from ablations.studies.robustness.config import RobustnessConfig
from ablations.studies.robustness.written import ROBUSTNESS
from ablations.studies.schema.field_comments import field_comments
from ablations.studies.schema.sections import (
    SUITES_TEXTS,
    TEXT,
    Schema,
    about,
    bare,
    dotted,
    either,
    reference,
    section,
)
from ablations.studies.seeds import SEEDS, SEEDS_RULE, SeedsConfig
from ablations.studies.settings import LIKE, OVERRIDES
from datamodules.config.data import DataConfig

# The sections of a study, by what they are called among the definitions.
_OF_STUDY: Mapping[str, tuple[str, type]] = {
    "data": ("Data", DataConfig),
    "recipe": ("Recipe", Recipe),
    "hardware": ("Hardware", Hardware),
    ROBUSTNESS: ("Robustness", RobustnessConfig),
}
# What may stand for such a section beside its keys.
_BY_NAME: Mapping[str, Sequence[Schema]] = {
    "data": (TEXT,),
    "recipe": (TEXT,),
    ROBUSTNESS: SUITES_TEXTS["anyOf"],
}
_SEEDS = reference("Seeds")


def study_file_schema() -> Schema:
    """The schema of experiments.yaml and of files like it."""
    sections = {name: reference(_title(kind)) for name, kind in SECTIONS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study file of `ablate`",
        "type": "object",
        "properties": {
            "use": {"type": "array", "items": TEXT},
        }
        | {
            name: one if name == "hardware" else {"type": "object", "additionalProperties": one}
            for name, one in sections.items()
        },
        "additionalProperties": False,
        "$defs": {
            **{_title(kind): section(kind) for kind in SECTIONS.values()},
            **{title: section(kind) for title, kind in _OF_STUDY.values()},
            "Points": _points(),
            "Seeds": section(SeedsConfig),
            "Study": _study(),
        },
    }


def _title(kind: type) -> str:
    return kind.__name__.removesuffix("Config")


def override_values() -> Mapping[str, Sequence[str]]:
    """The keys that the command line may set, with their values where they can be listed."""
    schema = study_file_schema()
    keys = schema["$defs"]["Study"]["properties"]["overrides"]["properties"]
    points = schema["$defs"]["Points"]["properties"]
    keys |= {f"points.{name}": part for name, part in points.items()}
    return {name: _values(part, schema) for name, part in keys.items()}


def _values(part: Schema, schema: Schema) -> Sequence[str]:
    """The choices that a part of the schema has."""
    while "$ref" in part:
        part = reduce(lambda found, key: found[key], part["$ref"].split("/")[1:], schema)
    if part.get("type") == "boolean":
        return ("true", "false")
    choices = part.get("enum", [])
    return [*choices, *(text for one in part.get("anyOf", ()) for text in _values(one, schema))]


def _study() -> Schema:
    """A study: its sections may be given by a name, and `overrides` has their keys with dots."""
    schema = section(StudyConfig)
    keys: Schema = schema["properties"]
    below: Schema = {}
    for name, (title, kind) in _OF_STUDY.items():
        below |= dict(dotted(section(kind), f"{name}.", f"#/$defs/{title}"))
        keys[name] = {**either(*_BY_NAME.get(name, ()), reference(title)), **about(keys[name])}
    below |= dict(dotted(keys.pop(SEEDS_RULE), f"{SEEDS}.", _SEEDS["$ref"]))
    keys[SEEDS] = {**either(bare(keys[SEEDS]), _SEEDS), **about(keys[SEEDS])}
    kinds = {"enum": sorted(DESIGNS)}
    keys["points"] = {**either(kinds, reference("Points")), **about(keys["points"])}
    single = {name: reference(f"Study/properties/{name}") for name in keys}
    keys[OVERRIDES] = {
        "type": "object",
        "description": "changes to single keys, written as on the command line",
        "properties": {**single, **below},
        "patternProperties": {r"^points\.": {}},
        "additionalProperties": False,
    }
    keys[LIKE] = {**TEXT, "description": "the study that this one extends: its keys win"}
    return schema


def _points() -> Schema:
    """The keys of all designs; which of them mean something depends on `kind`."""
    keys: dict[str, list[Schema]] = {}
    for kind, design in DESIGNS.items():
        for name, schema in section(design.options)["properties"].items():
            if name != "kind":
                text = f"{kind}: {schema.pop('description', '')}".strip(": ")
                keys.setdefault(name, []).append({**schema, "description": text})
    about = field_comments(Points).get("kind", "")
    return {
        "type": "object",
        "description": Points.__doc__,
        "properties": {
            "kind": {"enum": sorted(DESIGNS), "description": about},
            **{name: _any_of(schemas) for name, schemas in keys.items()},
        },
        "additionalProperties": False,
    }


def _any_of(schemas: Sequence[Schema]) -> Schema:
    """What one of the schemas allows; equal ones are said once."""
    different: list[Schema] = []
    for schema in schemas:
        one = bare(schema)
        different += [] if one in different else [one]
    texts = dict.fromkeys(schema["description"] for schema in schemas)
    return {**either(*different), "description": " | ".join(texts)}
