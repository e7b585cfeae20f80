"""Which tensor of a foreign state dict is which parameter of a network, and what does not fit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from lit_models.primitives.table import primitives
from lit_models.weights.layouts import fitting, is_open

_COUNTER = "num_batches_tracked"
_PER_CHANNEL = (".gamma", ".grn.weight", ".grn.bias")  # our keys
_EXTRA = re.compile(r"stages\.\d+\.blocks\.\d+\.\d+\.layers\.\w+\.(\w+)\.")
_FEW = 3  # names in a message

Shape = tuple[int, ...]
Modules = dict[str, list[str]]  # a module's name -> the leaves of it: weight, bias, ...


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

    A name with stars may fit several modules there: those with equal shapes are paired in order. A
    state dict without any counter of batches (torchvision's published ones are older than they are)
    is taken as it is.
    """
    counters = [key for key in names if key.endswith(_COUNTER)]
    if any(key.endswith(_COUNTER) for key in theirs):
        counters = []
    wanted = {key: name for key, name in names.items() if key not in counters}
    exact = {key: name for key, name in wanted.items() if not is_open(name)}
    exact |= _resolved({k: n for k, n in wanted.items() if is_open(n)}, ours, theirs)
    there = {key: name for key, name in exact.items() if name in theirs}
    pairs = {key: name for key, name in there.items() if _same(key, ours, theirs[name])}
    used = set(there.values())
    return Match(
        pairs=pairs,
        misshapen={key: name for key, name in there.items() if key not in pairs},
        missing={key: exact.get(key, name) for key, name in wanted.items() if key not in there},
        left_over=[key for key in theirs if key not in used],
        unequal=_unequal(pairs, ours, theirs),
        counters=counters,
    )


def _resolved(
    names: Mapping[str, str], ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> dict[str, str]:
    """Names with stars as names without, for every module of ours that has one there."""
    groups: dict[str, Modules] = {}
    for key, name in names.items():
        module, leaf = _split(key)
        groups.setdefault(_split(name)[0], {}).setdefault(module, []).append(leaf)
    found: dict[str, str] = {}
    for pattern, modules in groups.items():
        free = _modules_there(f"{pattern}.*", theirs)
        for module, leaves in _fullest_first(modules, free, ours, theirs):
            if free:
                best = max(free, key=lambda there: _fit(module, there, leaves, ours, theirs))
                del free[best]
                found |= {f"{module}.{leaf}": f"{best}.{leaf}" for leaf in leaves}
    return found


def _modules_there(pattern: str, theirs: Mapping[str, Tensor]) -> Modules:
    found: Modules = {}
    for key in fitting(pattern, theirs):
        module, leaf = _split(key)
        found.setdefault(module, []).append(leaf)
    return found


def _fullest_first(
    modules: Modules, there: Modules, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> list[tuple[str, list[str]]]:
    """Modules that have a complete partner come before those of which something is amiss."""

    def whole(module: str) -> bool:
        leaves = modules[module]
        return any(_fit(module, t, leaves, ours, theirs) == len(leaves) for t in there)

    return sorted(modules.items(), key=lambda item: not whole(item[0]))


def _fit(
    module: str,
    there: str,
    leaves: Sequence[str],
    ours: Mapping[str, Tensor],
    theirs: Mapping[str, Tensor],
) -> int:
    """How many leaves of a module of ours a module there has in the same shape."""
    return sum(
        f"{there}.{leaf}" in theirs and _same(f"{module}.{leaf}", ours, theirs[f"{there}.{leaf}"])
        for leaf in leaves
    )


def _split(key: str) -> tuple[str, str]:
    module, _, leaf = key.rpartition(".")
    return module, leaf


def _same(key: str, ours: Mapping[str, Tensor], theirs: Tensor) -> bool:
    return same_shape(key, ours[key], theirs)


def same_shape(key: str, ours: Tensor, theirs: Tensor) -> bool:
    """Whether their tensor can be ours: a 1x1 convolution may be a linear layer there.

    `(out, in, 1, 1)` is `(out, in)`, and a layer scale or GRN's `(1, 1, C)` is `(C,)`.
    """
    if ours.ndim == 1 and key.endswith(_PER_CHANNEL):
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
    return ("; ".join(part for part in parts if part) + _hint(found)) or None


def _hint(found: Match) -> str:
    """What makes the network that the weights are of, where it is one step away."""
    if more := _one_primitive(found.left_over):
        return f"; these are of the primitive {more}, which the step extra={more} gives a network"
    if more := _one_primitive([*found.missing]):
        return f"; these are of the primitive {more}, which the step extra={more}:off takes away"
    if found.left_over and all(".gamma" in key for key in found.left_over):
        return "; these are layer scales, which the step layer_scale=1e-6 gives a network"
    if found.missing and all(key.endswith(".gamma") for key in found.missing):
        return "; these are layer scales, which the step layer_scale=off takes from a network"
    return ""


def _one_primitive(keys: Sequence[str]) -> str:
    """The primitive that all of these keys of ours are of; empty: none, or of several."""
    places = [_EXTRA.match(key) for key in keys]
    names = {place[1] for place in places if place is not None and place[1] in primitives()}
    return names.pop() if len(names) == 1 and all(places) else ""


def _list(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{len(names)} {what}: {', '.join(names[:_FEW])}{more}"


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))}{',' if tensor.ndim == 1 else ''})"
