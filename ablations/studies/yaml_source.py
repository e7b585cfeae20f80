"""experiments.yaml as plain data, with the line of every key for error messages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from ablations.studies.typed import Keys

_MAX_BYTES = 2**20  # the project's own file has a twentieth of that
_MAX_DEPTH = 24
_MERGE = "tag:yaml.org,2002:merge"  # of the key <<
_MAX_NODES = 100_000  # with what every alias stands for

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
    # the project's own file, whose names one's own file sees too; None for that file itself
    shipped: "YamlSource | None" = None

    def where(self, keys: Keys) -> str:
        """`file:line (key.path)` of a key, or of the nearest key above it."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return f"{self.path}:{self.lines[keys[:length]]} ({'.'.join(keys)})"
        return str(self.path)


def load_yaml(path: Path) -> YamlSource:
    """Read a YAML file whose top is a mapping.

    Raises ValueError with file and line for a missing file, broken YAML, a key given twice, a key
    that is no text, a tag that asks for a Python object, and for what would have no end: too many
    bytes, levels, or values behind aliases.
    """
    text = _text(path)
    try:
        check_size(text)
        loader = _SafeLoader(text)
        try:
            node = loader.get_single_node()
            lines = dict(_lines(node, path, ())) if node is not None else {}
            texts = dict(scalar_texts(node)) if node is not None else {}
            data = loader.construct_document(node) if node is not None else {}
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(f"{path}{_line_of(error)}: {_reason(error)}") from None
    except ValueError as error:  # such as an integer of thousands of digits
        raise ValueError(_named(error, path)) from None
    if not isinstance(data, dict):
        raise ValueError(f"{path}: expected a mapping at the top, found {type(data).__name__}")
    return YamlSource(path, data, lines, texts)


def scalars_of(text: str) -> dict[Keys, str]:
    """`scalar_texts` of a YAML text that `check_size` has passed."""
    node = yaml.compose(text, Loader=_SafeLoader)
    return dict(scalar_texts(node)) if node is not None else {}


def scalar_texts(node: yaml.Node, above: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """Every scalar below a node, by its path of keys and places in lists, as it is written."""
    if isinstance(node, yaml.ScalarNode):
        yield above, node.value
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from scalar_texts(item, (*above, str(place)))
    elif isinstance(node, yaml.MappingNode):
        for merged in _merged(node):
            yield from scalar_texts(merged, above)
        for key, value in node.value:
            if key.tag != _MERGE:
                yield from scalar_texts(value, (*above, str(key.value)))


def _merged(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    """What `<<` takes over, so that a later one has the last word, as when YAML is read."""
    for key, value in node.value:
        if key.tag == _MERGE:
            many = isinstance(value, yaml.SequenceNode)
            yield from reversed(value.value) if many else [value]


def check_size(text: str) -> None:
    """Refuse YAML whose reading would overflow the stack or never end, before a node is made.

    Raises ValueError for too many levels, for an alias inside what it names, and for aliases that
    stand for too many values; yaml.YAMLError for what is no YAML.
    """
    within: list[tuple[str | None, int]] = []  # anchor of an open collection, nodes before it
    sizes: dict[str, int] = {}  # nodes behind an anchor
    nodes = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        anchor = getattr(event, "anchor", None)
        where = f"line {event.start_mark.line + 1 if event.start_mark else '?'}"
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((anchor, nodes))
            nodes += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            opened, before = within.pop()
            sizes |= {opened: nodes - before} if opened is not None else {}
        elif isinstance(event, yaml.AliasEvent):
            if anchor in {name for name, _ in within}:
                raise ValueError(f"{where}: *{anchor} stands inside of what it names")
            nodes += sizes.get(str(anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
        if len(within) > _MAX_DEPTH:
            raise ValueError(f"{where}: nested deeper than {_MAX_DEPTH} levels")
        if nodes > _MAX_NODES:
            raise ValueError(f"{where}: more than {_MAX_NODES:,} values, with those of aliases")


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8") if size <= _MAX_BYTES else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if size > _MAX_BYTES:
        raise ValueError(f"{path} has {size:,} bytes; at most {_MAX_BYTES:,} are read")
    return text


def _named(error: ValueError, path: Path) -> str:
    return str(error) if str(error).startswith(str(path)) else f"{path}: {error}"


def _lines(node: yaml.Node, path: Path, above: Keys) -> Iterator[tuple[Keys, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    for merged in _merged(node):
        yield from _lines(merged, path, above)
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag == _MERGE:
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
    if isinstance(error, yaml.reader.ReaderError):
        return f"no valid YAML: {error.reason} (position {error.position})"
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if "could not determine a constructor" in problem:
        return f"{problem}; only plain YAML is read, never Python objects"
    return f"no valid YAML: {problem}"
