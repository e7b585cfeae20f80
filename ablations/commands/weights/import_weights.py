"""`ablate import`: published weights as a checkpoint that this project evaluates and fine-tunes."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ablations.commands.parsing import add_json
from ablations.files.plain_text import as_json
from ablations.store.hints import Typed
from lit_models.families.reference import Network, named_network
from lit_models.families.serialise import to_dict
from lit_models.space.spec import ArchSpec


@dataclass(frozen=True)
class Imported:
    """A network with the weights of a file."""

    layout: str  # of the file's keys
    said: str  # which of several sets of weights was taken; empty: there is one
    num_classes: int
    in_chans: int
    params: int
    content: Mapping[str, Any]  # of the new checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate import`."""
    parser.add_argument(
        "checkpoint",
        type=Path,
        metavar="FILE",
        help="of torch.save or safetensors, with the keys of the official repository or of timm",
    )
    parser.add_argument(
        "--model", required=True, metavar="NAME", help="a network by name, or timm/NAME"
    )
    parser.add_argument(
        "--step",
        action="append",
        default=[],
        metavar="STEP",
        help="a step that leads from the named network to that of the file, such as "
        "activation=gelu; any number of them, in order",
    )
    parser.add_argument("--out", type=Path, metavar="FILE.ckpt", help="default: NAME.ckpt")
    parser.add_argument(
        "--num-classes", type=int, metavar="N", help="default: as many as the file's classifier"
    )
    parser.add_argument(
        "--ema", action="store_true", help="the file's averaged weights, not the raw ones"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    add_json(parser, instead_of="text")


def command(options: argparse.Namespace) -> int:
    """Read the file, write the checkpoint, say what it holds.

    `--json` prints one object: checkpoint, model, layout, num_classes, in_chans, params, note.
    """
    from ablations.run.checkpoint import write_checkpoint

    out: Path = options.out or Path(f"{options.model.replace('/', '_')}.ckpt")
    if out.exists() and not options.force:
        raise ValueError(
            f"{out} exists: choose another name with --out, or replace it with --force"
        )
    network = chosen_network(options.model, options.step)
    found = import_weights(
        options.checkpoint, network, num_classes=options.num_classes, ema=options.ema
    )
    write_checkpoint(found.content, out)
    told = {
        "checkpoint": str(out),
        "model": options.model,
        "layout": found.layout,
        "num_classes": found.num_classes,
        "in_chans": found.in_chans,
        "params": found.params,
        "note": found.said or None,
    }
    if options.json:
        print(as_json(told))
        return 0
    print(f"{out}: {options.model} for {found.num_classes} classes, {found.params:,} parameters")
    print(f"from {options.checkpoint}, the weights of {found.layout}")
    if found.said:
        print(found.said)
    following = Typed().hint("evaluate", str(out), "DATA")
    print(f"next: {following}; a recipe starts from it with start_from: {out}")
    return 0


def chosen_network(name: str, steps: Sequence[str]) -> Network:
    """The named network after steps written as text, such as `activation=gelu`.

    Raises ValueError for an unknown name or step, and for steps that the network cannot take.
    """
    network = named_network(name)
    if not steps:
        return network
    if not isinstance(network, ArchSpec):
        raise ValueError(f"{name} is timm's own network: it takes no steps")
    from lit_models.steps.library import parse_step
    from lit_models.steps.step import apply_steps

    return apply_steps(network, [parse_step(text) for text in steps])


def import_weights(
    path: Path, network: Network, *, num_classes: int | None = None, ema: bool = False
) -> Imported:
    """The network with the weights of a file in any layout that it has.

    `num_classes`: None takes what the file's classifier has; `ema` the averaged weights.
    Raises ValueError, naming the file, when it cannot be read or is of another network.
    """
    from lit_models.network.builder import build
    from lit_models.recipe.weight_files import checksum
    from lit_models.weights.finite import require_finite
    from lit_models.weights.official import fill, fit, sizes
    from lit_models.weights.tensor_files import read_tensors

    content = read_tensors(path)
    try:
        classes, in_chans = sizes(network, content)
        model = build(network, num_classes=num_classes or classes, in_chans=in_chans, seed=0)
        found = fit(model, content, ema=ema)
        fill(model, found.tensors)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    require_finite(model, source=path)
    state = {f"backbone.{key}": value for key, value in model.state_dict().items()}
    values = {
        "spec": to_dict(network),
        "training": {},
        "num_classes": model.num_classes,
        "in_chans": in_chans,
        "seed": 0,
    }
    source = {"file": path.name, "sha256": checksum(path), "layout": found.layout, "ema": ema}
    written = {
        # what LitClassifier.load_from_checkpoint asks for
        "pytorch-lightning_version": version("lightning"),
        "state_dict": state,
        "hyper_parameters": values,
        "source": source,
    }
    params = sum(parameter.numel() for parameter in model.parameters())
    return Imported(found.layout, found.said, model.num_classes, in_chans, params, written)
