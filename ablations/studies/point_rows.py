"""Rows of `points.networks` as networks and steps: no names of the file's own, none of points."""

from collections.abc import Mapping
from typing import Any

from ablations.studies.designs.grid import text_as_name
from ablations.studies.own_networks import network_row
from ablations.studies.scope import names
from ablations.studies.typed import Keys, Place, Text
from ablations.studies.yaml_source import YamlSource
from lit_models.families.specs import SPECS


def point_rows(value: Any, *, scope: YamlSource | None, place: Place, text: Text) -> Any:
    """Rows [NETWORK, STEP...] without networks of a file's own; what is no row stays as it is.

    A row that begins with the name of a point above it goes on from that, unless a network has the
    name. Points of a list are named after what is written, so that it becomes a mapping. Raises
    ValueError, with its place, for a name that is nearest to a network of the file's own.
    """
    if isinstance(value, list):
        rows = [_texts(row, (str(number),), text) for number, row in enumerate(value)]
        return _of_list(rows, scope, place) or value
    if not isinstance(value, Mapping):
        return value
    found: dict[Any, Any] = {}
    for label, row in value.items():
        written = _texts(row, (str(label),), text)
        made = _after(written, found, scope) or _made_of(written, scope, place((str(label),)))
        found[label] = row if made == written else made
    return found


def _of_list(rows: list[list[str]], scope: YamlSource | None, place: Place) -> Any:
    """A name for each row of a list; None where none is a network of a file's own.

    Raises ValueError for two rows of one name, of which the second would silently win.
    """
    own = names(scope, "networks")
    if not any(row and row[0] in own for row in rows):
        return None
    where, found = place(()), dict[str, list[str]]()
    for row in filter(None, rows):
        name = "+".join(map(text_as_name, row))
        if name in found:
            raise ValueError(
                f"{where}: points.networks has two that are named {name}: leave one out, or write "
                "NAME: [NETWORK, STEP...] for each"
            )
        found[name] = _made_of(row, scope, where)
    return found


def _made_of(row: list[str], scope: YamlSource | None, where: str) -> list[str]:
    return list(network_row(scope, row, where=where)) if row else []


def _after(row: list[str], above: Mapping[Any, Any], scope: YamlSource | None) -> list[str]:
    """A row that begins with the name of a point above it; empty for another."""
    if not row or row[0] not in above or row[0] in (*SPECS, *names(scope, "networks")):
        return []
    before = above[row[0]]
    return [*([before] if isinstance(before, str) else before), *row[1:]]


def _texts(row: Any, at: Keys, text: Text) -> list[str]:
    """A row as texts; empty for what is none, which is refused when it is typed."""
    items = [row] if isinstance(row, str) else row
    if not isinstance(items, list):
        return []
    texts = [
        item if isinstance(item, str) else text((*at, str(number)))
        for number, item in enumerate(items)
    ]
    return [one for one in texts if one] if all(texts) else []
