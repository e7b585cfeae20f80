"""Weights from the originals: state dicts of the official repositories, of timm, and our own."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lit_models.builder import build
from lit_models.checkpoints import AVERAGED, RAW
from lit_models.key_match import Match, match, problems
from lit_models.layout_tables import LAYOUTS
from lit_models.layouts import Layout
from lit_models.reference import Network

OWN = "this project"
# Where published files keep the weights; of each the first that is there is taken.
RAW_WRAPPERS = ("model", "state_dict")
AVERAGED_WRAPPERS = ("model_ema", "state_dict_ema")
WRAPPERS = RAW_WRAPPERS + AVERAGED_WRAPPERS
PREFIXES = ("module.", "_orig_mod.", "backbone.", "model.", "net.")
_MODULE = "module."  # of DistributedDataParallel: nothing to speak of
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


@dataclass(frozen=True)
class Weights:
    """A bare state dict, and what is to be said of how it was found; empty: nothing."""

    tensors: dict[str, Tensor]
    said: str


def unwrap(content: Mapping[Any, Any], *, ema: bool = False) -> Weights:
    """The bare state dict inside what a file holds, without prefixes.

    Where a file has raw and averaged weights, `ema` takes the averaged ones. Raises ValueError when
    there is none, or it holds something else than tensors.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"it is a {type(content).__name__} and no state dict")
    said: list[str] = []
    averaged = False
    while found := {key for key in WRAPPERS if isinstance(content.get(key), Mapping)}:
        key = _chosen(found, ema=ema, said=said)
        averaged = averaged or key in AVERAGED_WRAPPERS
        content = content[key]
    own, sentence = _own_weights(content, ema=ema)
    if ema and not averaged and not sentence:
        raise ValueError("there are no averaged weights in it: take the raw ones")
    said += [sentence] if sentence else []
    stripped, prefix = _without_prefixes(own)
    if prefix and prefix.removeprefix(_MODULE).removeprefix(RAW):
        said.append(f"every key began with {prefix!r}, which was left out")
    if not stripped:
        raise ValueError("there are no weights in it")
    _require_tensors(stripped)
    return Weights(dict(stripped), "; ".join(said))


def _chosen(found: Collection[str], *, ema: bool, said: list[str]) -> str:
    """The wrapper that is opened: the raw one if it is there and no average is asked for."""
    raw, averaged = (
        next((key for key in keys if key in found), "")
        for keys in (RAW_WRAPPERS, AVERAGED_WRAPPERS)
    )
    if raw and averaged:
        which = "averaged" if ema else "raw"
        said.append(f"it holds raw weights ({raw}) and averaged ones ({averaged}): {which} taken")
    elif averaged:
        said.append(f"it holds averaged weights ({averaged}) and no raw ones: averaged taken")
    return (averaged or raw) if ema else (raw or averaged)


def _own_weights(content: Mapping[Any, Any], *, ema: bool) -> tuple[Mapping[Any, Any], str]:
    """The raw or averaged network of a checkpoint of ours; anything else as it is."""
    raw, averaged = ([k for k in content if str(k).startswith(p)] for p in (RAW, AVERAGED))
    if not raw or not averaged or len(raw) + len(averaged) < len(content):
        return content, ""
    chosen, prefix, which = (averaged, AVERAGED, "averaged") if ema else (raw, RAW, "raw")
    said = f"it holds raw weights ({RAW}*) and averaged ones ({AVERAGED}*): {which} taken"
    return {key.removeprefix(prefix): content[key] for key in chosen}, said


def _without_prefixes(content: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], str]:
    """Without what is before every key, and that prefix: a wrapper's, or a LightningModule's name.

    A prefix that is not among `PREFIXES` is one if keys of a layout come after it.
    """
    every, prefix = content, ""
    while not _is_of_a_layout(every) and (part := _common_part(every)):
        every, prefix = _below(every, part), prefix + part
    if prefix and _is_of_a_layout(every):
        return every, prefix
    prefix = ""
    while (part := _common_part(content)) in PREFIXES:
        content, prefix = _below(content, part), prefix + part
    return content, prefix


def _common_part(content: Mapping[Any, Any]) -> str:
    """The first part of every key, if all have the same; empty: they do not."""
    parts = {str(key).partition(".")[0] for key in content}
    nested = all("." in str(key) for key in content)
    return f"{parts.pop()}." if len(parts) == 1 and nested else ""


def _below(content: Mapping[Any, Any], part: str) -> dict[Any, Any]:
    return {key.removeprefix(part): content[key] for key in content}


def _is_of_a_layout(keys: Collection[str]) -> bool:
    return 2 * max(layout.count(keys) for layout in (_OWN, *LAYOUTS)) > len(keys)


def _require_tensors(content: Mapping[Any, Any]) -> None:
    fine = {key for key in content if isinstance(key, str) and isinstance(content[key], Tensor)}
    other = [key for key in content if key not in fine]
    if other:
        kind = type(content[other[0]]).__name__
        raise ValueError(
            f"it is no state dict: {other[0]!r} is a {kind} and no tensor; weights are looked for "
            f"in the mapping itself and under {', '.join(WRAPPERS)}"
        )


def _prefix_hint(theirs: Mapping[str, Tensor]) -> str:
    """A sentence where most keys would be of a layout without their first part."""
    ((part, number),) = Counter(key.partition(".")[0] for key in theirs).most_common(1)
    inner = [key.removeprefix(f"{part}.") for key in theirs if key.startswith(f"{part}.")]
    if not _is_of_a_layout(inner):
        return ""
    return (
        f"; {number} of {len(theirs)} keys begin with {part + '.'!r}, a module around the network: "
        "save the state dict of that module alone"
    )


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
            f"{_prefix_hint(theirs)}"
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
