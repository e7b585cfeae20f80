"""The JSON Schema of a study file (draft 2020-12), for editors: from the config classes alone.

Types, choices, defaults and ranges are those of the fields, descriptions the comments beside them.
What needs more than one key, a name of another section or the data is for `ablate plan` to refuse.
"""

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import reduce
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ablations.studies.config import HARDWARE, Hardware, Recipe, StudyConfig
from ablations.studies.designs import DESIGNS
from ablations.studies.designs.design import Points
from ablations.studies.field_comments import field_comments
from datamodules.config.data import DataConfig
from lit_models.recipe.config import TrainingConfig
from lit_models.recipe.ranges import TRAINING, Range

Schema = dict[str, Any]

_RANGES: Mapping[type, Mapping[str, Range]] = {TrainingConfig: TRAINING, Hardware: HARDWARE}
_SCALARS: Mapping[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": ["string", "number", "boolean"]},  # 007 and yes are read as they are written
    Any: {},
}
# The sections of a study: what they are called among the definitions, and their keys.
_SECTIONS: Mapping[str, tuple[str, type]] = {
    "data": ("Data", DataConfig),
    "recipe": ("Recipe", Recipe),
    "hardware": ("Hardware", Hardware),
}
_YAML = {"None": "null", "True": "true", "False": "false"}
_OVERRIDES = "Changes to single keys, written as on the command line."


def study_file_schema() -> Schema:
    """The schema of experiments.yaml and of files like it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study file of `ablate`",
        "type": "object",
        "properties": {
            "hardware": _reference("Hardware"),
            "recipes": _named(_reference("Recipe"), "How networks are trained, by name."),
            "studies": _named(_reference("Study"), "What `ablate run NAME` trains, by name."),
        },
        "additionalProperties": False,
        "$defs": {
            **{title: _section(kind) for title, kind in _SECTIONS.values()},
            "Points": _points(),
            "Study": _study(),
        },
    }


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
    schema = _section(StudyConfig)
    keys: Schema = schema["properties"]
    dotted: Schema = {}
    for name, (title, kind) in _SECTIONS.items():
        dotted |= dict(_dotted(_section(kind), f"{name}.", f"#/$defs/{title}"))
        by_name = [_SCALARS[str]] if name in ("data", "recipe") else []
        keys[name] = {**_either(*by_name, _reference(title)), **_about(keys[name])}
    by_name = [{"enum": sorted(DESIGNS)}]
    keys["points"] = {**_either(*by_name, _reference("Points")), **_about(keys["points"])}
    keys["overrides"] = {
        "type": "object",
        "description": _OVERRIDES,
        "properties": {**{name: _reference(f"Study/properties/{name}") for name in keys}, **dotted},
        "patternProperties": {r"^points\.": {}},
        "additionalProperties": False,
    }
    return schema


def _points() -> Schema:
    """The keys of all designs; which of them mean something depends on `kind`."""
    keys: dict[str, list[Schema]] = {}
    for kind, design in DESIGNS.items():
        for name, schema in _section(design.options)["properties"].items():
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
        bare = {key: value for key, value in schema.items() if key != "description"}
        different += [] if bare in different else [bare]
    texts = dict.fromkeys(schema["description"] for schema in schemas)
    return {**_either(*different), "description": " | ".join(texts)}


def _section(kind: type) -> Schema:
    """An object with the fields of a dataclass as keys."""
    hints, comments = get_type_hints(kind), field_comments(kind)
    return {
        "type": "object",
        "description": str(kind.__doc__).partition("\n")[0],
        "properties": {
            field.name: _field(field, hints[field.name], comments.get(field.name), kind)
            for field in fields(kind)
        },
        "additionalProperties": False,
    }


def _field(field: "Field[Any]", hint: Any, comment: str | None, kind: type) -> Schema:
    schema = _typed(hint, _range_of(field.name, kind))
    if not is_dataclass(hint):
        schema |= {} if field.default is MISSING else {"default": field.default}
    return schema | ({"description": _in_yaml(comment)} if comment else {})


def _in_yaml(comment: str) -> str:
    """Python's words as YAML has them."""
    return re.sub(r"\b(None|True|False)\b", lambda word: _YAML[word[0]], comment)


def _typed(hint: Any, within: Range | None) -> Schema:
    """What a value of a type looks like; numbers in it lie within the range."""
    origin, inner = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _section(hint)
    if origin in (Union, types.UnionType):
        return _optional(_typed(next(t for t in inner if t is not types.NoneType), within))
    if origin in (tuple, list):
        return _list(inner, within, fixed=origin is tuple)
    if origin is dict:
        return {"type": "object", "additionalProperties": _typed(inner[1], within)}
    schema = {"enum": list(inner)} if origin is Literal else dict(_SCALARS[hint])
    return schema | (_limits(within) if hint in (int, float) and within is not None else {})


def _list(inner: Sequence[Any], within: Range | None, *, fixed: bool) -> Schema:
    schema = {"type": "array", "items": _typed(inner[0], within)}
    return schema | ({"minItems": len(inner), "maxItems": len(inner)} if fixed else {})


def _optional(schema: Schema) -> Schema:
    """The same, or null."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    known = schema["type"]
    return {**schema, "type": [*([known] if isinstance(known, str) else known), "null"]}


def _limits(within: Range) -> Schema:
    low = "exclusiveMinimum" if within.open_low else "minimum"
    high = "exclusiveMaximum" if within.open_high else "maximum"
    return {low: within.low, high: within.high}


def _range_of(name: str, kind: type) -> Range | None:
    tables = (_RANGES.get(base, {}) for base in kind.__mro__)
    return next((table[name] for table in tables if name in table), None)


def _dotted(schema: Schema, above: str, pointer: str) -> Iterator[tuple[str, Schema]]:
    """Every single key below a section, as `recipe.augment.crop`, by where it is described."""
    for name, inner in schema["properties"].items():
        key, place = f"{above}{name}", f"{pointer}/properties/{name}"
        if inner.get("type") == "object" and "properties" in inner:
            yield from _dotted(inner, f"{key}.", place)
        else:
            yield key, {"$ref": place}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _either(*schemas: Schema) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": [*schemas]}


def _about(schema: Schema) -> Schema:
    """Its description, where it has one."""
    return {key: schema[key] for key in ("description",) if key in schema}


def _named(schema: Schema, about: str) -> Schema:
    return {"type": "object", "description": about, "additionalProperties": schema}
