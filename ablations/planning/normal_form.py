"""What of a configuration is hashed: all fields of the schema, and of later ones what is used.

schema.json freezes the fields that the current schema has, with their defaults. A field that is
added later is left out of the hash while it has its default, so that it changes no id of a run that
does not use it. `python -m ablations.planning.normal_form` renews the file: it adds new fields, and
refuses a default that has changed, which needs a new SCHEMA_VERSION (all results become stale).
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ablations.studies.config import Recipe
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from lit_models.families.reference import TimmModel
from lit_models.families.serialise import to_plain
from lit_models.primitives.table import is_built_in, primitives
from lit_models.space import components
from lit_models.space.spec import ArchSpec, Extra, ExtraOption

# Raise it when the same configuration starts to mean something else: all results become stale.
# 4: draws and running statistics by a micro batch's place in its step, and what it takes resolved.
SCHEMA_VERSION = 4

FILE = Path(__file__).with_name("schema.json")
CLASSES: tuple[type, ...] = (
    *(components.Block, components.Branch, components.ConvLayer, components.Downsample),
    *(components.Head, components.Init, components.Spatial, components.Stem),
    *(Extra, ExtraOption),
    *(ArchSpec, TimmModel, Recipe, Augmentation, DataConfig),
)
Table = Mapping[str, Mapping[str, Any]]  # class -> field -> default in plain data


@dataclass(frozen=True)
class Schema:
    """The fields that every hash has, and those that came later, each with its default."""

    version: int
    fields: Table
    added: Table


@cache
def frozen_schema() -> Schema:
    """What schema.json says."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return Schema(content["schema"], content["fields"], content["added"])


def hashed(plain: Any, kind: Any) -> Any:
    """Plain data of the type `kind` without fields that are later than the schema and unused."""
    if isinstance(plain, list | tuple):
        return [hashed(item, kind) for item in plain]
    found, hints = _dataclass_in(kind)
    if found is None or not isinstance(plain, Mapping):
        return plain
    later = _later(found)
    return {
        key: hashed(value, hints.get(key))
        for key, value in plain.items()
        if key not in later or to_plain(value) != later[key]
    }


@cache  # the same few classes for each of thousands of runs
def _dataclass_in(kind: Any) -> tuple[type[Any] | None, Mapping[str, Any]]:
    """The first dataclass in a type, and the types of its fields."""
    found = next(_dataclasses(kind), None)
    return found, {} if found is None else get_type_hints(found)


def _later(found: type[Any]) -> Mapping[str, Any]:
    """The fields that came after the schema, with their defaults."""
    known = frozen_schema().fields.get(found.__name__, {})
    later = [f for f in fields(found) if f.name not in known]
    return {f.name: default_of(f) for f in later if not _required(f)}


def _dataclasses(kind: Any) -> Iterator[type[Any]]:
    """The dataclasses in a type: itself, or what it is a list, a tuple or an option of."""
    if is_dataclass(kind):
        assert isinstance(kind, type)
        yield kind
    for inner in get_args(kind):
        yield from _dataclasses(inner)


def default_of(field: Field[Any]) -> Any:
    """A field's default as plain data; `required` is a word for none."""
    if field.default_factory is not MISSING:
        return to_plain(field.default_factory())
    return "required" if _required(field) else to_plain(field.default)


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def current_fields() -> Table:
    """Every field of every class of a run's configuration, with its default.

    So are the options of every primitive of this project: left at a default, they are in no hash.
    """
    classes = {c.__name__: {f.name: default_of(f) for f in fields(c)} for c in CLASSES}
    options = {
        f"primitive {name}": {rule.name: rule.default for rule in primitive.options.values()}
        for name, primitive in primitives().items()
        if is_built_in(name)
    }
    return classes | options


def renewed(schema: Schema, now: Table, *, version: int) -> Schema:
    """The schema with the fields that are there now.

    Raises ValueError, naming the field, when one is gone or has another default and the version is
    the same.
    """
    if version != schema.version:
        return Schema(version, now, {})
    for table in (schema.fields, schema.added):
        for name, known in table.items():
            for field, default in known.items():
                if field not in now.get(name, {}) or not _agrees(now[name][field], default):
                    raise ValueError(
                        f"{name}.{field} had the default {default!r}, which is gone or changed: "
                        "raise SCHEMA_VERSION in ablations/planning/normal_form.py, since the same "
                        "configuration means something else now"
                    )
    added = {
        name: {
            f: default for f, default in now[name].items() if f not in schema.fields.get(name, {})
        }
        for name in now
    }
    return Schema(version, schema.fields, {name: table for name, table in added.items() if table})


def _agrees(now: Any, known: Any) -> bool:
    """Whether a default is what it was, but for later fields of a class inside of it."""
    if isinstance(now, Mapping) and isinstance(known, Mapping):
        return all(key in now and _agrees(now[key], value) for key, value in known.items())
    return bool(now == known)


def main() -> int:
    """Renew schema.json."""
    schema = frozen_schema() if FILE.is_file() else Schema(0, {}, {})
    try:
        new = renewed(schema, current_fields(), version=SCHEMA_VERSION)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    text = {"schema": new.version, "fields": new.fields, "added": new.added}
    FILE.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
