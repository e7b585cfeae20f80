"""The bare state dict in what a file of weights holds: out of mappings, and without prefixes."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from lit_models.weights.checkpoints import AVERAGED, RAW
from lit_models.weights.layout_tables import ALL_LAYOUTS

# Where published files keep the weights; of each the first that is there is taken.
RAW_WRAPPERS = ("model", "state_dict")
AVERAGED_WRAPPERS = ("model_ema", "state_dict_ema")
WRAPPERS = RAW_WRAPPERS + AVERAGED_WRAPPERS
PREFIXES = ("module.", "_orig_mod.", "backbone.", "model.", "net.")
_MODULE = "module."  # of DistributedDataParallel: nothing to speak of


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
    return 2 * max(layout.count(keys) for layout in ALL_LAYOUTS) > len(keys)


def _require_tensors(content: Mapping[Any, Any]) -> None:
    fine = {key for key in content if isinstance(key, str) and isinstance(content[key], Tensor)}
    other = [key for key in content if key not in fine]
    if other:
        kind = type(content[other[0]]).__name__
        raise ValueError(
            f"it is no state dict: {other[0]!r} is a {kind} and no tensor; weights are looked for "
            f"in the mapping itself and under {', '.join(WRAPPERS)}"
        )


def prefix_hint(theirs: Mapping[str, Tensor]) -> str:
    """A sentence where most keys would be of a layout without their first part."""
    ((part, number),) = Counter(key.partition(".")[0] for key in theirs).most_common(1)
    inner = [key.removeprefix(f"{part}.") for key in theirs if key.startswith(f"{part}.")]
    if not _is_of_a_layout(inner):
        return ""
    return (
        f"; {number} of {len(theirs)} keys begin with {part + '.'!r}, a module around the network: "
        "save the state dict of that module alone"
    )
