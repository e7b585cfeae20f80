"""Which tensor of a foreign state dict is which parameter of a network, and what does not fit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from lit_models.layouts import fitting, is_open

_COUNTER = "num_batches_tracked"
_FEW = 3  # names in a message

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Match:
    """Our key -> their key, and what is wrong with it."""

    pairs: Mapping[str, str]  # shapes agree
    misshapen: Mapping[str, str]  # names agree, shapes do not
    missing: Mapping[str, str]  # our key -> the name that was looked for
    left_over: Sequence[str]  # their keys that nothing of ours wants
    unequal: Sequence[tuple[str, str]] = ()  # their keys with two values for one tensor of ours
    counters: Sequence[str] = ()  # ours, when their file is from before they were written


def match(
    names: Mapping[str, str], ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> Match:
    """Pair our tensors with theirs; `names` is our key -> their name, see `Layout.names`.

    Where a name fits several keys, those of equal shape are paired in order. A state dict without
    any counter of batches (torchvision's published ones are older than it) is taken as it is.
    """
    counters = [key for key in names if key.endswith(_COUNTER)]
    if any(key.endswith(_COUNTER) for key in theirs):
        counters = []
    groups: dict[str, list[str]] = {}
    for key, name in names.items():
        if key not in counters:
            groups.setdefault(name, []).append(key)
    found = _Pairing()
    for name, keys in groups.items():
        there = fitting(name, theirs) if is_open(name) else [name] if name in theirs else []
        found.add(name, keys, there, ours=ours, theirs=theirs)
    used = {*found.pairs.values(), *found.misshapen.values()}
    return Match(
        found.pairs,
        found.misshapen,
        found.missing,
        [key for key in theirs if key not in used],
        _unequal(found.pairs, ours, theirs),
        counters,
    )


@dataclass
class _Pairing:
    pairs: dict[str, str] = field(default_factory=dict)
    misshapen: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        name: str,
        keys: Iterable[str],
        there: list[str],
        *,
        ours: Mapping[str, Tensor],
        theirs: Mapping[str, Tensor],
    ) -> None:
        """Pair the keys of one name: equal shapes in order, then what is left, misshapen."""
        there, rest = list(there), []
        for key in keys:
            fits = (k for k in there if same_shape(key, ours[key], theirs[k]))
            partner = next(fits, None)
            if partner is None:
                rest.append(key)
            else:
                self.pairs[key] = partner
                there.remove(partner)
        self.misshapen |= dict(zip(rest, there, strict=False))
        self.missing |= dict.fromkeys(rest[len(there) :], name)


def same_shape(key: str, ours: Tensor, theirs: Tensor) -> bool:
    """Whether their tensor can be ours: a 1x1 convolution may be a linear layer there.

    `(out, in, 1, 1)` is `(out, in)`, and a layer scale `(1, 1, C)` is `(C,)`.
    """
    if key.endswith(".gamma"):
        return ours.numel() == theirs.numel() == max(theirs.shape, default=1)
    return _linear(ours) == _linear(theirs)


def _linear(tensor: Tensor) -> Shape:
    shape = tuple(tensor.shape)
    return shape[:2] if len(shape) == 4 and shape[2:] == (1, 1) else shape


def _unequal(
    pairs: Mapping[str, str], ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> list[tuple[str, str]]:
    """Two keys of theirs with different values for what is one tensor in our network."""
    first: dict[int, str] = {}
    found = []
    for key, there in pairs.items():
        other = first.setdefault(id(ours[key]), there)
        if other != there and not _equal(theirs[other], theirs[there]):
            found.append((other, there))
    return found


def _equal(a: Tensor, b: Tensor) -> bool:
    return a is b or (not a.is_meta and not b.is_meta and bool((a == b).all()))


def problems(found: Match, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> str | None:
    """Everything that does not fit, in words; None when all of it does."""
    missing = [
        name if name == key else f"{name} (our {key})" for key, name in found.missing.items()
    ]
    shapes = [
        f"{there} has shape {_shape(theirs[there])} and {_shape(ours[key])} is needed"
        for key, there in found.misshapen.items()
    ]
    twice = [f"{a} and {b}, which are one tensor here" for a, b in found.unequal]
    parts = [
        _list("missing", missing),
        _list("left over", found.left_over),
        _list("misshapen", shapes),
        _list("with different values", twice),
    ]
    return "; ".join(part for part in parts if part) or None


def _list(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{len(names)} {what}: {', '.join(names[:_FEW])}{more}"


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))}{',' if tensor.ndim == 1 else ''})"
