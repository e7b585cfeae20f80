"""JSON and CSV as this project writes and reads them: every number finite, every error named."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ablations.files.own_files import read_own

_DEEPEST = 64  # levels; what we write has six
_TOO_DEEP = f"it is nested deeper than {_DEEPEST} levels"


def as_json(obj: Any) -> str:
    """An object as JSON for people, always UTF-8: bytes of odd file names become escapes.

    Raises ValueError, naming the key, for NaN and infinity.
    """
    try:
        text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        _require_finite(obj)
        raise
    return text.encode(errors="backslashreplace").decode()


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under a header with the keys of all of them; a cell is empty where a row lacks its key.

    Numbers are written so that reading gives the same ones. Raises ValueError, naming row and
    column, for NaN and infinity.
    """
    _require_finite({f"row {number}": row for number, row in enumerate(rows, start=1)})
    text, names = io.StringIO(), dict.fromkeys(key for row in rows for key in row)
    writer = csv.DictWriter(text, fieldnames=list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises FileNotFoundError without a file, and ValueError with the file's name for what is no
    JSON: NaN and infinity, which Python writes and nothing else reads, and nesting without end.
    """
    try:
        return parse_json(read_own(path).decode())
    except FileNotFoundError:
        raise
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{path} cannot be read as JSON: {reason}") from None


def parse_json(text: str) -> Any:
    """What a JSON text says. Raises ValueError as `read_json` does."""
    try:
        found = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except _NotFiniteError:
        _require_finite(json.loads(text))
        raise
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _is_deep(found):
        raise ValueError(_TOO_DEEP)
    return found


class _NotFiniteError(ValueError):
    """A number that is no number."""


def _refuse(constant: str) -> NoReturn:
    raise _NotFiniteError(constant)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NotFiniteError(text)
    return value


def _is_deep(obj: Any) -> bool:
    level = [obj] if isinstance(obj, dict | list) else []
    for _ in range(_DEEPEST):
        inside = (x.values() if isinstance(x, dict) else x for x in level)
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
    return bool(level)


def _require_finite(obj: Any) -> None:
    for key, value in _not_finite(obj, ""):
        raise ValueError(f"{key or 'the value'} is {value}, which is no number")


def _not_finite(obj: Any, key: str) -> Iterator[tuple[str, float]]:
    if isinstance(obj, float) and not math.isfinite(obj):
        yield key, obj
    elif isinstance(obj, Mapping):
        for name, value in obj.items():
            yield from _not_finite(value, f"{key}.{name}" if key else str(name))
    elif isinstance(obj, list | tuple):
        for index, value in enumerate(obj):
            yield from _not_finite(value, f"{key}[{index}]")


def size_text(size: float) -> str:
    """Bytes for people, in powers of 1000 as disks are sold."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
