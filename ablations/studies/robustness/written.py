"""Short ways to write the key `robustness`: a suite's name alone, and parts of 255 as such."""

import re
from collections.abc import Mapping
from typing import Any

ROBUSTNESS, _SUITE = "robustness", "suite"
_OF_PIXELS = ("attacks", "noise")  # sections with numbers that are parts of 255
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+)\s*")


def robustness_written(keys: tuple[str, ...], value: Any) -> tuple[tuple[str, ...], Any]:
    """A key path below `robustness` and its value, written out.

    `quick` is short for `{suite: [quick]}`, one suite for a list of one, and `8/255` for the number
    that it is.

    Args:
        keys: below `robustness`; empty: all of it.
        value: as it was written.
    """
    if not keys and isinstance(value, str | list):
        keys = (_SUITE,)
    if keys == (_SUITE,) and isinstance(value, str):
        return keys, [name.strip() for name in value.split(",")]
    if not keys:
        if not isinstance(value, Mapping):
            return keys, value
        return keys, {key: robustness_written((str(key),), one)[1] for key, one in value.items()}
    return keys, _numbers(value) if keys[0] in _OF_PIXELS else value


def _numbers(value: Any) -> Any:
    """The value with `8/255` as a number wherever it stands."""
    if isinstance(value, Mapping):
        return {key: _numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_numbers(one) for one in value]
    part = _PART.fullmatch(value) if isinstance(value, str) else None
    return value if part is None or not int(part[2]) else float(part[1]) / int(part[2])
