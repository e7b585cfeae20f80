"""Networks of timm that a study compares with, as data (no torch), and networks by name.

A `TimmModel` is timm's own network under timm's name: nothing of it is rebuilt here. Through
`build`, `to_dict`, `apply_recipe` and `LitClassifier` it goes the way of an `ArchSpec`, so that a
reference transformer is trained, counted and reported like our own networks.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from lit_models.families.specs import SPECS
from lit_models.registry.names import close_names
from lit_models.space.spec import ArchSpec, IllegalSpec

PREFIX = "timm/"  # of a timm name among ours
# timm marks every function that makes a network; a second decorator may stand in between
_REGISTERED = re.compile(r"^@register_model\s*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class TimmModel:
    """A network as timm builds it, with initial values and not with timm's weights.

    Raises:
        IllegalSpec: timm has no such network, with the nearest name; a rate outside [0, 1).
    """

    name: str  # timm's, such as deit_small_patch16_224; no tag, which would name weights
    drop_path_rate: float = 0.0
    image_size: int | None = None  # side in px that it is built for; None: timm's own

    def __post_init__(self) -> None:
        if self.name not in timm_names():
            raise IllegalSpec(_unknown_in_timm(self.name))
        if not 0 <= self.drop_path_rate < 1:
            raise IllegalSpec(f"drop_path_rate is in [0, 1), found {self.drop_path_rate}")
        if self.image_size is not None and self.image_size < 1:
            raise IllegalSpec(f"image_size is at least 1, found {self.image_size}")


Network = ArchSpec | TimmModel


def named_network(name: str) -> Network:
    """The network of a name: one of `SPECS`, or `timm/NAME` for timm's.

    Raises ValueError for an unknown name, with the nearest known ones.
    """
    if name.startswith(PREFIX):
        return TimmModel(name.removeprefix(PREFIX))
    if name in SPECS:
        return SPECS[name]
    if name in timm_names():
        raise ValueError(f"no network is named {name!r}; did you mean {PREFIX}{name}?")
    hint = _nearest(name, SPECS) or "`ablate list` shows what there is"
    raise ValueError(f"no network is named {name!r}; {hint}")


@cache
def timm_names() -> frozenset[str]:
    """Every name that timm's registry has, read from timm's sources: importing timm takes seconds.

    (A test holds it against the registry.)
    """
    found = find_spec("timm")
    if found is None or found.origin is None:
        raise ValueError("timm is not installed: `make` or pip install it")
    sources = (Path(found.origin).parent / "models").rglob("*.py")
    return frozenset(
        name for path in sources for name in _REGISTERED.findall(path.read_text(encoding="utf-8"))
    )


def _unknown_in_timm(name: str) -> str:
    plain, dot, _ = name.partition(".")
    if dot and plain in timm_names():
        return (
            f"{PREFIX}{name} names weights by its tag, but networks are trained from initial "
            f"values here: write {PREFIX}{plain}"
        )
    hint = _nearest(name, timm_names(), prefix=PREFIX) or "timm.list_models() lists what there is"
    return f"timm has no network named {name!r}; {hint}"


def _nearest(name: str, names: Iterable[str], *, prefix: str = "") -> str:
    near = close_names(name, names)
    return f"did you mean {' or '.join(prefix + one for one in near)}?" if near else ""
