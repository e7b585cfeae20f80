"""Weights from the originals: state dicts of the official repositories, of timm, and our own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lit_models.builder import build
from lit_models.key_match import Match, match, problems
from lit_models.layout_tables import LAYOUTS
from lit_models.layouts import Layout
from lit_models.reference import Network

OWN = "this project"
# Where published files keep the weights; the first that is there is taken.
WRAPPERS = ("model", "state_dict", "model_ema", "state_dict_ema")
PREFIXES = ("module.", "_orig_mod.", "backbone.")
_AVERAGE = "ema."  # beside `backbone.` in our checkpoints
_OWN = Layout(
    OWN,
    (
        ("stem.{i}.*", "stem.{i}.**"),
        ("stages.{s}.downsample.{i}", "stages.{s}.downsample.{i}.**"),
        ("stages.{s}.blocks.{b}.{i}", "stages.{s}.blocks.{b}.{i}.**"),
        ("head", "head.**"),
    ),
)


@dataclass(frozen=True)
class Fit:
    """The weights of a state dict under our keys and with our shapes, and where it is from."""

    layout: str
    tensors: Mapping[str, Tensor]


def load_official(model: nn.Module, state_dict: Mapping[str, Any]) -> str:
    """Fill every parameter and buffer of `model`; the name of the layout that was recognised.

    Args:
        model: a network of `lit_models.build`.
        state_dict: in the key layout of the official repository, of timm, or of this project, as it
            is or as it is published: under `model`, `state_dict` or `model_ema` (the first of these
            that is there), with `module.` before every key, or inside a checkpoint of ours.

    Raises:
        ValueError: weights are missing, left over or misshapen, naming them, or belong to another
            family; the model is as it was.
    """
    found = fit(model, state_dict)
    fill(model, found.tensors)
    return found.layout


def fit(model: nn.Module, state_dict: Mapping[str, Any], *, fresh_classifier: bool = False) -> Fit:
    """What `load_official` would fill in, without doing it.

    With `fresh_classifier` the classifier is left out when its number of classes is another one.
    Raises ValueError as `load_official` does.
    """
    theirs = unwrap(state_dict)
    ours = model.state_dict(keep_vars=True)
    layout, found = recognise(model, theirs)
    if fresh_classifier:
        found = _without_classifier(model, found)
    wrong = problems(found, ours, theirs)
    if wrong is not None:
        raise ValueError(f"these weights of {layout} do not fit this network: {wrong}")
    return Fit(layout, tensors_of(found, ours, theirs))


def sizes(network: Network, state_dict: Mapping[str, Any]) -> tuple[int, int]:
    """Classes and image channels of the weights of a network; 1000 and 3 where they do not say.

    Raises ValueError when they are in none of the layouts that the network has.
    """
    with torch.device("meta"):
        model = build(network)
    theirs = unwrap(state_dict)
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


def unwrap(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The bare state dict inside what a file holds, without prefixes.

    Raises ValueError when there is none, or it holds something else than tensors.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"it is a {type(content).__name__} and no state dict")
    while inner := [content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)]:
        content = inner[0]
    while prefix := _common_prefix(content):
        own = {key for key in content if key.startswith(prefix)}
        content = {key.removeprefix(prefix): content[key] for key in content if key in own}
    if not content:
        raise ValueError("there are no weights in it")
    fine = {key for key in content if isinstance(key, str) and isinstance(content[key], Tensor)}
    other = [key for key in content if key not in fine]
    if other:
        kind = type(content[other[0]]).__name__
        raise ValueError(
            f"it is no state dict: {other[0]!r} is a {kind} and no tensor; weights are looked for "
            f"in the mapping itself and under {', '.join(WRAPPERS)}"
        )
    return dict(content)


def _common_prefix(content: Mapping[Any, Any]) -> str:
    """A prefix of every key (but those of our checkpoints' average); empty: none."""
    for prefix in PREFIXES:
        rest = [key for key in content if not str(key).startswith(prefix)]
        average = prefix == "backbone." and all(str(key).startswith(_AVERAGE) for key in rest)
        if len(rest) < len(content) and (not rest or average):
            return prefix
    return ""


def recognise(model: nn.Module, theirs: Mapping[str, Tensor]) -> tuple[str, Match]:
    """The layout of a bare state dict, and how it fits the network.

    Raises ValueError when it is in none of the layouts that the network has.
    """
    ours = model.state_dict(keep_vars=True)
    matches = {name: match(names, ours, theirs) for name, names in layouts_of(model).items()}
    name, best = max(matches.items(), key=lambda item: _found(item[1]))
    counts = {layout.name: layout.count(theirs) for layout in (_OWN, *LAYOUTS)}
    likeliest = max(counts, key=lambda name: counts[name])
    explained = max(counts[name], _found(best))
    if best.missing and 2 * max(counts[likeliest], explained) < len(theirs):
        raise ValueError(
            f"these are weights in no layout that is known, and this network has those of "
            f"{_listed(matches)}: their keys look like {', '.join(list(theirs)[:3])}"
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
    if getattr(getattr(model, "spec", None), "blur_pool", False):
        return found  # no original blurs in the same places, though its keys are the same
    for layout in LAYOUTS:
        names = layout.names(keys) if layout.timm or not timm else None
        if names is not None:
            found[layout.name] = names
    return found


def classifier_of(model: nn.Module) -> str:
    """The name of the classifier among the model's modules; empty: it has none."""
    get = getattr(model, "get_classifier", None)
    last = get() if get is not None else None
    return next((name for name, module in model.named_modules() if module is last), "")


def _without_classifier(model: nn.Module, found: Match) -> Match:
    name = classifier_of(model)
    keys = {f"{name}.weight", f"{name}.bias"} if name else set()
    rest = {key: there for key, there in found.misshapen.items() if key not in keys}
    if len(rest) == len(found.misshapen):
        return found
    return Match(
        {key: there for key, there in found.pairs.items() if key not in keys},
        rest,
        found.missing,
        found.left_over,
        found.unequal,
        found.counters,
    )


def _found(found: Match) -> int:
    return len(found.pairs) + len(found.misshapen)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
