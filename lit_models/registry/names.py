"""What an error says about an unknown name. The one place that looks for the nearest valid one."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_CUTOFF = 0.5  # of difflib's ratio: below it, two names have little to do with each other


def close_names(name: str, names: Iterable[str], *, most: int = 3) -> Sequence[str]:
    """The valid names nearest to an unknown one, best first; none where all are far away.

    Capital letters count as small ones.
    """
    small: dict[str, list[str]] = {}
    for valid in sorted(names):
        small.setdefault(valid.lower(), []).append(valid)
    close = get_close_matches(name.lower(), small, n=most, cutoff=_CUTOFF)
    return [valid for key in close for valid in small[key]][:most]


def nearest(name: str, names: Iterable[str]) -> str:
    """The tail of an error about an unknown name: the nearest valid one, then all of them."""
    valid = sorted(names)
    if not valid:
        return "There are none."
    close = close_names(name, valid, most=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}Valid: {', '.join(valid)}."
