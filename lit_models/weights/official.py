"""Weights from the originals: state dicts of the official repositories, of timm, and our own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lit_models.families.reference import Network
from lit_models.network.builder import build
from lit_models.space.spec import ArchSpec
from lit_models.weights.key_match import Match, match, problems
from lit_models.weights.layout_tables import ALL_LAYOUTS, LAYOUTS, OWN
from lit_models.weights.unwrapping import prefix_hint, unwrap


@dataclass(frozen=True)
class Fit:
    """The weights of a state dict under our keys and with our shapes, and where it is from."""

    layout: str
    tensors: Mapping[str, Tensor]
    said: str = ""  # which of several sets of weights was taken, which prefix was left out


def load_official(model: nn.Module, state_dict: Mapping[str, Any], *, ema: bool = False) -> str:
    """Fill every parameter and buffer of `model`; the name of the layout that was recognised.

    Args:
        model: a network of `lit_models.build`.
        state_dict: in the key layout of the official repository, of timm, or of this project, as it
            is or as it is published: under `model`, `state_dict`, `model_ema` or `state_dict_ema`,
            with a prefix before every key (`module.`, `net.`), or inside a checkpoint of ours.
        ema: take the averaged weights where there are raw ones, too.

    Raises:
        ValueError: weights are missing, left over or misshapen, naming them, or belong to another
            family; the model is as it was.
    """
    found = fit(model, state_dict, ema=ema)
    fill(model, found.tensors)
    return found.layout


def fit(
    model: nn.Module,
    state_dict: Mapping[str, Any],
    *,
    fresh_classifier: bool = False,
    ema: bool = False,
) -> Fit:
    """What `load_official` would fill in, without doing it.

    With `fresh_classifier` the classifier is left out when its number of classes is another one, or
    there is none. Raises ValueError as `load_official` does.
    """
    weights = unwrap(state_dict, ema=ema)
    theirs = weights.tensors
    ours = model.state_dict(keep_vars=True)
    layout, found = recognise(model, theirs)
    if fresh_classifier:
        found = _without_classifier(model, found)
    wrong = problems(found, ours, theirs)
    if wrong is not None:
        raise ValueError(f"these weights of {layout} do not fit this network: {wrong}")
    return Fit(layout, tensors_of(found, ours, theirs), weights.said)


def sizes(network: Network, state_dict: Mapping[str, Any]) -> tuple[int, int]:
    """Classes and image channels of the weights of a network; 1000 and 3 where they do not say.

    Raises ValueError when they are in none of the layouts that the network has.
    """
    with torch.device("meta"):
        model = build(network)
    theirs = unwrap(state_dict).tensors
    _, found = recognise(model, theirs)
    there = {**found.pairs, **found.misshapen}
    classifier = there.get(f"{classifier_of(model)}.weight")
    first = next((key for key, value in model.named_parameters() if value.ndim == 4), "")
    image = there.get(first)
    return (
        1000 if classifier is None else theirs[classifier].shape[0],
        3 if image is None or theirs[image].ndim < 2 else theirs[image].shape[1],
    )


def tensors_of(
    found: Match, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Their tensors under our keys and with our shapes; counters that they lack are 0."""
    tensors = {key: theirs[there].reshape(ours[key].shape) for key, there in found.pairs.items()}
    return tensors | {key: torch.zeros_like(ours[key]) for key in found.counters}


def fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load tensors by our keys. Raises ValueError before anything is changed if one is empty."""
    for key, value in tensors.items():
        if value.is_meta:
            raise ValueError(f"{key} is on the meta device, which holds no values")
    model.load_state_dict(dict(tensors))


def recognise(model: nn.Module, theirs: Mapping[str, Tensor]) -> tuple[str, Match]:
    """The layout of a bare state dict, and how it fits the network.

    Raises ValueError when it is in none of the layouts that the network has.
    """
    ours = model.state_dict(keep_vars=True)
    matches = {name: match(names, ours, theirs) for name, names in layouts_of(model).items()}
    name, best = max(matches.items(), key=lambda item: _found(item[1]))
    counts = {layout.name: layout.count(theirs) for layout in ALL_LAYOUTS}
    likeliest = max(counts, key=lambda name: counts[name])
    explained = max(counts[name], _found(best))
    if best.missing and 2 * max(counts[likeliest], explained) < len(theirs):
        raise ValueError(
            f"these are weights in no layout that is known, and this network has those of "
            f"{_listed(matches)}: their keys look like {', '.join(list(theirs)[:3])}"
            f"{prefix_hint(theirs)}"
        )
    if best.missing and counts[likeliest] > explained:
        raise ValueError(
            f"these are weights in the layout of {likeliest}, and this network has those of "
            f"{_listed(matches)}: build the network that they belong to"
        )
    return name, best


def layouts_of(model: nn.Module, *, timm: bool = False) -> dict[str, dict[str, str]]:
    """The layouts of a network, each with our key -> the name there; `timm`: only timm's."""
    keys = list(model.state_dict())
    found = {} if timm else {OWN: {key: key for key in keys}}
    spec = getattr(model, "spec", None)
    if isinstance(spec, ArchSpec) and (spec.blur_pool or _has_options(spec)):
        return found  # the keys are an original's, what the network computes is not
    for layout in LAYOUTS:
        names = layout.names(keys) if layout.timm or not timm else None
        if names is not None:
            found[layout.name] = names
    return found


def _has_options(spec: ArchSpec) -> bool:
    """Whether a primitive of the network is not as its source has it."""
    return any(extra.options for branch in spec.branches() for extra in branch.extras)


def classifier_of(model: nn.Module) -> str:
    """The name of the classifier among the model's modules; empty: it has none."""
    get = getattr(model, "get_classifier", None)
    last = get() if get is not None else None
    return next((name for name, module in model.named_modules() if module is last), "")


def _without_classifier(model: nn.Module, found: Match) -> Match:
    name = classifier_of(model)
    keys = {f"{name}.weight", f"{name}.bias"} if name else set()
    if not keys & {*found.misshapen, *found.missing}:
        return found
    pairs, misshapen, missing = (
        {key: there for key, there in part.items() if key not in keys}
        for part in (found.pairs, found.misshapen, found.missing)
    )
    return Match(
        pairs,
        misshapen,
        missing,
        found.left_over,
        found.unequal,
        found.counters,
    )


def _found(found: Match) -> int:
    return len(found.pairs) + len(found.misshapen)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
