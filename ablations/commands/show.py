"""`ablate show`: one run, and what its last step changed."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablations.commands.parsing import add_json, add_places
from ablations.files.plain_text import as_json
from ablations.planning.cost import setting_of
from ablations.planning.counts import count_specs
from ablations.planning.find_run import Subject, find_run
from ablations.planning.run_config import data_of, spec_of
from ablations.store.runs import CONFIG, RunFolder, run_path, runs_root
from ablations.studies.networks import network_after
from datamodules.catalog.catalog import WHEREABOUTS
from datamodules.catalog.resolved import Data, resolve
from lit_models.families.reference import Network
from lit_models.families.serialise import difference
from lit_models.space.spec import ArchSpec
from lit_models.steps.library import named_step
from lit_models.steps.step import apply_steps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate show`."""
    parser.add_argument(
        "run", metavar="RUN", help="a run id, the start of one, or STUDY/POINT/SEED"
    )
    add_places(parser)
    add_json(parser)


def command(options: argparse.Namespace) -> int:
    """Print one run."""
    root = runs_root(options.runs)
    subject = find_run(options.run, root=root, file=options.file, planned=True)
    found = describe(subject, root)
    if options.json:
        print(as_json(found))
    else:
        _print(found, subject.reason)
    return 0


def describe(subject: Subject, root: Path) -> dict[str, Any]:
    """What `--json` prints.

    run_id, labels, state, message, spec, data, recipe, seed, params, gmacs, environment
    (provenance.json), metrics (one object an epoch), summary, and change: null at a trajectory's
    start, for a network without steps and for one whose widths were solved for a cost (it is not
    what its steps alone lead to), else from (the step or network before), fields (path,
    before, after), modules_added and modules_removed (type and count), params and gmacs
    (differences; null where the network before does not fit the images).
    """
    config = subject.config
    folder = RunFolder(run_path(root, subject.run_id))
    state, message = folder.health()
    path = folder.path / CONFIG
    spec, data = spec_of(config, path), resolve(data_of(config, path))
    return {
        "run_id": subject.run_id,
        "labels": config.get("labels", {}),
        "state": state,
        "message": message,
        "spec": config["spec"],
        "data": {**config["data"], **_whereabouts(config)},
        **{key: config[key] for key in ("recipe", "seed")},
        **_cost(spec, data, root),
        "change": _change(spec, config, data, root),
        "environment": folder.provenance(),
        "metrics": folder.metrics(),
        "summary": folder.summary(),
    }


def _whereabouts(config: Mapping[str, Any]) -> dict[str, str]:
    """Where the data lies, as far as it is not where it always is."""
    return {key: config[key] for key in WHEREABOUTS if config.get(key) is not None}


def _cost(spec: Network, data: Data, root: Path) -> dict[str, Any]:
    setting = setting_of(data)
    if setting is None:
        return {"params": None, "gmacs": None}
    cost = count_specs([spec], setting, runs_root=root)[spec]
    return {"params": cost.params, "gmacs": cost.gmacs}


def _change(
    spec: Network, config: Mapping[str, Any], data: Data, root: Path
) -> dict[str, Any] | None:
    """The difference that the last of the run's steps makes."""
    labels = config.get("labels", {})
    steps = labels.get("steps") or []
    before = _after(steps[:-1], labels, config["recipe"]) if steps else None
    if before is None or _is_matched(spec, steps, labels, config["recipe"]):
        return None
    try:
        old = _cost(before, data, root)
    except ValueError:  # the last step is what makes it fit these images
        old = dict.fromkeys(("params", "gmacs"))
    new = _cost(spec, data, root)
    known = old["params"] is not None
    added, removed = _modules(before, spec, in_chans=data.info.in_chans)
    return {
        "from": steps[-2] if len(steps) > 1 else labels.get("network", "start"),
        "fields": [list(entry) for entry in difference(before, spec)],
        "modules_added": added,
        "modules_removed": removed,
        "params": new["params"] - old["params"] if known else None,
        "gmacs": new["gmacs"] - old["gmacs"] if known else None,
    }


def _is_matched(
    spec: Network, steps: Sequence[str], labels: Mapping[str, Any], recipe: Mapping[str, Any]
) -> bool:
    """Whether a network differs in its widths alone from what its steps lead to."""
    after = _after(steps, labels, recipe)
    if not isinstance(spec, ArchSpec) or not isinstance(after, ArchSpec):
        return False
    return {path for path, *_ in difference(after, spec)} == {"widths"}


def _after(
    steps: Sequence[str], labels: Mapping[str, Any], recipe: Mapping[str, Any]
) -> Network | None:
    """The network after steps; None where one is no more."""
    from lit_models.recipe.apply import apply_recipe
    from lit_models.recipe.plain import training_config

    training = {key: value for key, value in recipe.items() if key != "augment"}
    try:
        return apply_recipe(_before(steps, labels), training_config(training))
    except (KeyError, ValueError, TypeError):  # also a recipe of another version
        return None


def _before(steps: Sequence[str], labels: Mapping[str, Any]) -> Network:
    """The network after the steps of a run's labels; raises ValueError where they are no more."""
    if labels.get("start_from"):  # a trajectory of a study file's own
        name, *texts = labels["start_from"]
        start = network_after(texts, network=name)
        assert isinstance(start, ArchSpec)
        made = zip(steps, labels["texts"], strict=False)
        return apply_steps(start, [named_step(name, *texts) for name, texts in made])
    where = {"trajectory": labels.get("trajectory", ""), "network": labels.get("network")}
    return network_after(steps, **where)


def _modules(
    before: Network, after: Network, *, in_chans: int
) -> tuple[dict[str, int], dict[str, int]]:
    """How many modules of each kind (as PyTorch prints them) the change adds and removes."""
    from collections import Counter

    import torch

    from lit_models.network.builder import build

    def kinds(spec: Network) -> Counter[str]:
        with torch.device("meta"):
            model = build(spec, in_chans=in_chans)
        return Counter(repr(m) for m in model.modules() if not list(m.children()))

    old, new = kinds(before), kinds(after)
    return dict(new - old), dict(old - new)


def _print(found: Mapping[str, Any], reason: str | None) -> None:
    from rich.console import Console
    from rich.pretty import Pretty

    from ablations.files.markup import terminal

    console = Console(highlight=False)

    def say(text: str) -> None:
        console.print(terminal(text), soft_wrap=True)

    labels = found["labels"]
    if reason:
        say(reason)
    say(f"{found['run_id']}  {found['state']}{': ' + found['message'] if found['message'] else ''}")
    line = labels.get("trajectory") or " ".join(
        [labels.get("network", ""), *labels.get("steps", ())]
    )
    say(f"{line} {labels.get('point')} seed {found['seed']}")
    if found["params"] is not None:
        say(f"{found['params']:,} parameters, {found['gmacs']:.4f} GMACs")
    for line in _change_lines(found["change"]) if found["change"] else ():
        say(line)
    for key in ("spec", "data", "recipe", "environment", "summary"):
        if found[key] is not None:
            say(f"\n{key}")
            console.print(Pretty(found[key], expand_all=False))
    if found["metrics"]:
        last = ", ".join(f"{name} {value:g}" for name, value in found["metrics"][-1].items())
        say(f"\nlast of {len(found['metrics'])} epochs: {last}")


def _change_lines(change: Mapping[str, Any]) -> list[str]:
    lines = [f"\nchange since {change['from']}"]
    lines += [f"  {path}: {old} -> {new}" for path, old, new in change["fields"]]
    for sign, modules in (("+", change["modules_added"]), ("-", change["modules_removed"])):
        lines += [f"  {sign} {count} x {module}" for module, count in modules.items()]
    if change["params"] is not None:
        lines.append(f"  {change['params']:+,} parameters, {change['gmacs']:+.4f} GMACs")
    return lines
