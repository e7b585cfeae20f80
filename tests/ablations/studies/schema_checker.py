"""What a JSON Schema has against a value: the keywords that `ablate schema` uses, and no others."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
ABOUT = {"$schema", "$defs", "title", "description", "default"}
INSIDE = {"properties", "patternProperties", "additionalProperties"}
Schema = Mapping[str, Any]
Found = Iterator[tuple[str, str]]


def problems(value: Any, schema: Schema) -> list[str]:
    """A line for each thing wrong, beginning with its keys."""
    return [f"{path.lstrip('.')}: {text}" for path, text in Checker(schema).find(value, schema, "")]


@dataclass(frozen=True)
class Checker:
    """Compares values with parts of one schema."""

    root: Schema

    def find(self, value: Any, schema: Schema, at: str) -> Found:
        """Path and text of each thing wrong with a value."""
        for keyword in schema.keys() - ABOUT - INSIDE:
            said = schema[keyword]
            if keyword == "$ref":
                yield from self.find(value, self.part(said), at)
            elif keyword == "anyOf":
                if all([*self.find(value, one, at)] for one in said):
                    yield at, f"{value!r} is nothing of what it may be"
            elif keyword == "items":
                for number, item in enumerate(value if isinstance(value, list) else ()):
                    yield from self.find(item, said, f"{at}.{number}")
            elif not CHECKS[keyword](value, said):
                yield at, f"{value!r} breaks {keyword} {said}"
        for key, item in value.items() if isinstance(value, dict) else ():
            yield from self.find_below(str(key), item, schema, at)

    def find_below(self, key: str, item: Any, schema: Schema, at: str) -> Found:
        """The same for one key of a mapping."""
        patterns = schema.get("patternProperties", {})
        rules = [rule for pattern, rule in patterns.items() if re.search(pattern, key)]
        rules += [schema["properties"][key]] if key in schema.get("properties", {}) else []
        rest = schema.get("additionalProperties", True)
        if not rules and rest is False:
            yield f"{at}.{key}", "is no key"
        for rule in rules or ([rest] if isinstance(rest, dict) else []):
            yield from self.find(item, rule, f"{at}.{key}")

    def part(self, pointer: str) -> Schema:
        """What `#/a/b` points to."""
        found: Schema = reduce(lambda part, key: part[key], pointer.split("/")[1:], self.root)
        return found


def _is_of(value: Any, said: str | list[str]) -> bool:
    names = [said] if isinstance(said, str) else said
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, TYPES[name]) for name in names)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


CHECKS: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _is_of,
    "enum": lambda value, said: value in said,
    "minimum": lambda value, said: not _number(value) or value >= said,
    "maximum": lambda value, said: not _number(value) or value <= said,
    "exclusiveMinimum": lambda value, said: not _number(value) or value > said,
    "exclusiveMaximum": lambda value, said: not _number(value) or value < said,
    "minItems": lambda value, said: not isinstance(value, list) or len(value) >= said,
    "maxItems": lambda value, said: not isinstance(value, list) or len(value) <= said,
}
