"""experiments.yaml as plain data, with the line of every key for error messages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import yaml

from ablations.typed import Keys

_MAX_DEPTH = 12  # a node that contains itself would have no end
_MAX_TEXTS = 100_000  # aliases of aliases would have nearly none

# The loader in C when PyYAML was built with it: the command line starts faster.
_SafeLoader = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@dataclass(frozen=True)
class YamlSource:
    """A YAML document: plain data only, nothing that the document says is ever executed."""

    path: Path
    data: Mapping[str, Any]
    lines: Mapping[Keys, int]
    # of every scalar as it is written: YAML takes 007, 1e3, 2024_01_15, 12:30 and no for no text
    texts: Mapping[Keys, str]

    def where(self, keys: Keys) -> str:
        """`file:line (key.path)` of a key, or of the nearest key above it."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return f"{self.path}:{self.lines[keys[:length]]} ({'.'.join(keys)})"
        return str(self.path)


def load_yaml(path: Path) -> YamlSource:
    """Read a YAML file whose top is a mapping.

    Raises ValueError with file and line for a missing file, broken YAML, a key given twice, a key
    that is no text, and a tag that asks for a Python object.
    """
    try:
        loader = _SafeLoader(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    try:
        node = loader.get_single_node()
        lines = dict(_lines(node, path, ())) if node is not None else {}
        texts = _first_texts(node)
        data = loader.construct_document(node) if node is not None else {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path}{_line_of(error)}: {_reason(error)}") from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise ValueError(f"{path}: expected a mapping at the top, found {type(data).__name__}")
    return YamlSource(path, data, lines, texts)


def scalars_of(text: str) -> dict[Keys, str]:
    """`scalar_texts` of a YAML text that is known to be one."""
    return _first_texts(yaml.compose(text, Loader=_SafeLoader))


def _first_texts(node: yaml.Node | None) -> dict[Keys, str]:
    return dict(islice(scalar_texts(node), _MAX_TEXTS)) if node is not None else {}


def scalar_texts(node: yaml.Node, above: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """Every scalar below a node, by its path of keys and places in lists, as it is written."""
    if len(above) > _MAX_DEPTH:
        return
    if isinstance(node, yaml.ScalarNode):
        yield above, node.value
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from scalar_texts(item, (*above, str(place)))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from scalar_texts(value, (*above, str(key.value)))


def _lines(node: yaml.Node, path: Path, above: Keys) -> Iterator[tuple[Keys, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    if len(above) > _MAX_DEPTH:
        raise ValueError(f"{path}: nested deeper than {_MAX_DEPTH} levels at {'.'.join(above)}")
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.tag != "tag:yaml.org,2002:str":
            raise ValueError(f"{path}:{line}: keys are text, found {key.value!r}; put it in quotes")
        if key.value in seen:
            full = ".".join((*above, key.value))
            raise ValueError(
                f"{path}:{line}: {full} is given twice, first in line {seen[key.value]}; "
                "the second would silently win, so remove one"
            )
        seen[key.value] = line
        yield (*above, key.value), line
        yield from _lines(value, path, (*above, key.value))


def _line_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _reason(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or str(error)
    if "could not determine a constructor" in problem:
        return f"{problem}; only plain YAML is read, never Python objects"
    return f"no valid YAML: {problem}"
