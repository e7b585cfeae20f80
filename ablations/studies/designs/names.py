"""Names that a study gives to its points."""

import re
from collections.abc import Iterable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,79}")


def check_point_names(key: str, names: Iterable[str]) -> None:
    """Raise ValueError, beginning with the key, for a name that is none for a folder."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{key} has a point {name!r}; use letters, digits, _ + -.")
