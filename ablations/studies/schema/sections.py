"""The JSON Schema of a section of a study file, from the dataclass of its keys.

Types, choices, defaults and ranges are those of the fields, descriptions the comments beside them.
"""

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ablations.statistics.seeds.rule import STAGES, WIDTH
from ablations.studies.config import (
    HARDWARE,
    AlternativeConfig,
    Hardware,
    NetworkConfig,
    TrajectoryConfig,
)
from ablations.studies.robustness import ranges
from ablations.studies.robustness.config import (
    SUITES,
    AttackConfig,
    LesionConfig,
    NoiseConfig,
    OcclusionConfig,
    ReceptiveFieldConfig,
    RobustnessConfig,
)
from ablations.studies.schema.field_comments import field_comments
from ablations.studies.seeds import SeedsConfig, UntilConfig
from datamodules.config.augmentation import AUGMENTATION, Augmentation
from datamodules.config.data import DATA, DataConfig
from lit_models.recipe.config import TrainingConfig
from lit_models.recipe.ranges import TRAINING
from lit_models.registry.ranges import Range

Schema = dict[str, Any]

_RANGES: Mapping[type, Mapping[str, Range]] = {
    TrainingConfig: TRAINING,
    Hardware: HARDWARE,
    DataConfig: DATA,
    Augmentation: AUGMENTATION,
    SeedsConfig: STAGES,
    UntilConfig: WIDTH,
    RobustnessConfig: ranges.ROBUSTNESS,
    OcclusionConfig: ranges.OCCLUSION,
    AttackConfig: ranges.ATTACKS,
    LesionConfig: ranges.LESION,
    NoiseConfig: ranges.NOISE,
    ReceptiveFieldConfig: ranges.RECEPTIVE_FIELD,
}
_SCALARS: Mapping[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": ["string", "number", "boolean"]},  # 007 and yes are read as they are written
    Any: {},
}
TEXT = _SCALARS[str]
# Texts of the step language: one may stand for a list with it.
TEXTS: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
_TEXTS = {NetworkConfig: ("steps",), AlternativeConfig: ("steps",), TrajectoryConfig: ("start",)}
# Classes for whose section such texts may stand.
_SHORT = (NetworkConfig, AlternativeConfig)
# Names of suites: one may stand for a list with it.
_SUITES: Schema = {"enum": [*SUITES]}
SUITES_TEXTS: Schema = {"anyOf": [_SUITES, {"type": "array", "items": _SUITES}]}
# Sections whose numbers may be written as parts of 255, such as 8/255.
_OF_PIXELS = {AttackConfig: ("fgsm", "pgd", "taig"), NoiseConfig: ("rms",)}
_YAML = {"None": "null", "True": "true", "False": "false"}


def section(kind: type) -> Schema:
    """What may stand for a dataclass: a mapping with its fields as keys, or its short form."""
    hints, comments = get_type_hints(kind), field_comments(kind)
    schema = {
        "type": "object",
        "description": str(kind.__doc__).partition("\n")[0],
        "properties": {
            field.name: _field(field, hints[field.name], comments.get(field.name), kind)
            for field in fields(kind)
        },
        "additionalProperties": False,
    }
    return {"anyOf": [*TEXTS["anyOf"], schema]} if issubclass(kind, _SHORT) else schema


def _field(field: "Field[Any]", hint: Any, comment: str | None, kind: type) -> Schema:
    if any(field.name in _TEXTS.get(base, ()) for base in kind.__mro__):
        schema = dict(TEXTS)
    elif kind is RobustnessConfig and field.name == "suite":
        schema = dict(SUITES_TEXTS)
    else:
        schema = _typed(hint, _range_of(field.name, kind))
    if field.name in _OF_PIXELS.get(kind, ()):
        number = schema.get("items", schema)
        number["type"] = [number["type"], "string"]
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
        return section(hint)
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in inner if kind is not types.NoneType]
        return _optional(_typed(kinds[0], within) if len(kinds) == 1 else _several(kinds))
    if origin in (tuple, list):
        return _list(inner, within, fixed=origin is tuple)
    if origin is dict:
        return {"type": "object", "additionalProperties": _typed(inner[1], within)}
    schema = {"enum": list(inner)} if origin is Literal else dict(_SCALARS[hint])
    return schema | (_limits(within) if hint in (int, float) and within is not None else {})


def _list(inner: Sequence[Any], within: Range | None, *, fixed: bool) -> Schema:
    schema = {"type": "array", "items": _typed(inner[0], within)}
    return schema | ({"minItems": len(inner), "maxItems": len(inner)} if fixed else {})


def _several(kinds: Sequence[type]) -> Schema:
    """A number or a word."""
    names = ("string" if kind is str else _SCALARS[kind]["type"] for kind in kinds)
    return {"type": [*names]}


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


def dotted(schema: Schema, above: str, pointer: str) -> Iterator[tuple[str, Schema]]:
    """Every single key below a section, as `recipe.augment.crop`, by where it is described."""
    for name, inner in schema["properties"].items():
        key, place = f"{above}{name}", f"{pointer}/properties/{name}"
        if inner.get("type") == "object" and "properties" in inner:
            yield from dotted(inner, f"{key}.", place)
        else:
            yield key, {"$ref": place}


def reference(name: str) -> Schema:
    """What stands among the definitions."""
    return {"$ref": f"#/$defs/{name}"}


def either(*schemas: Schema) -> Schema:
    """What one of these allows."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": [*schemas]}


def bare(schema: Schema) -> Schema:
    """Without its description."""
    return {key: value for key, value in schema.items() if key != "description"}


def about(schema: Schema) -> Schema:
    """Its description, where it has one."""
    return {key: schema[key] for key in ("description",) if key in schema}
