"""Parameters and GMACs of specs, counted once and remembered, so that `ablate plan` needs no torch.

`counts.json` holds the studies of this project's experiments.yaml (write it anew with
`python -m ablations.planning.counts`); what else gets counted is kept in the runs folder. Both are
keyed by what is counted and by the code that builds and counts, a network of timm's by its version
too, so that neither can be out of date.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from ablations.files.own_files import read_own
from ablations.files.plain_text import parse_json
from ablations.files.shapes import Object, check_shape
from ablations.planning.cost import Cost, Setting, setting_of
from ablations.planning.count_code import code_digest
from ablations.planning.identity import digest
from ablations.planning.normal_form import hashed
from ablations.store.runs import CACHE, write_json_atomic
from lit_models.families.reference import Network, TimmModel
from lit_models.families.serialise import to_dict
from lit_models.primitives.table import code_of

SHIPPED = Path(__file__).with_name("counts.json")
_SHAPE = Object({"code": str, "counts": Object(each=[float])})


def count_specs(
    specs: Iterable[Network], setting: Setting, *, runs_root: Path | None
) -> dict[Network, Cost]:
    """The cost of every spec, from memory where it was counted before.

    Raises ValueError when an image is too small for a network.
    """
    cache_file = runs_root / CACHE / "counts.json" if runs_root else None
    known = read_counts(SHIPPED) | (read_counts(cache_file) if cache_file else {})
    found: dict[Network, Cost] = {}
    fresh: dict[str, Cost] = {}
    for spec in specs:
        key = key_of(spec, setting)
        if key not in known:
            known[key] = fresh[key] = _count(spec, setting)
        found[spec] = known[key]
    if cache_file and fresh:
        _remember(cache_file, read_counts(cache_file) | fresh)
    return found


def count_points(
    networks: Mapping[str, Network], sides: Iterable[int], setting: Setting, *, runs_root: Path
) -> dict[Network, Cost]:
    """`count_specs` of networks by the name of their point.

    Raises ValueError, naming the point, when a network does not take the images of the setting, or
    when timm's does not take those of all `sides` (ours take any that is not too small, or say so
    in the plan).
    """
    others = sorted(set(sides) - {setting.image_size})
    try:
        costs = count_specs(networks.values(), setting, runs_root=runs_root)
    except ValueError:
        others = [setting.image_size, *others]  # it is one of the points: say which
        costs = {}
    for point, network in networks.items():
        for side in others if isinstance(network, TimmModel) or not costs else ():
            try:
                _count(network, replace(setting, image_size=side))
            except ValueError as error:
                raise ValueError(f"point {point}: {error}") from None
    return costs


def _count(spec: Network, setting: Setting) -> Cost:
    from lit_models.network.complexity import count

    counted = count(
        spec,
        image_size=setting.image_size,
        num_classes=setting.num_classes,
        in_chans=setting.in_chans,
    )
    return Cost(counted.params, counted.gmacs, counted.activations)


def key_of(spec: Network, setting: Setting, *, timm: str | None = None) -> str:
    """What a count is remembered under; `timm` is the version of it, None: the one that is here.

    The code of primitives from outside this project is part of it.
    """
    said = {"spec": hashed(to_dict(spec), type(spec)), **vars(setting)}
    if isinstance(spec, TimmModel):
        said["timm"] = timm or metadata.version("timm")
    elif code := code_of(spec.primitives()):
        said["primitives"] = code
    return digest(said)[:32]


def _stamp(path: Path) -> dict[str, str]:
    """What a file of counts is valid for."""
    # its networks of timm's have the version in their keys, and other releases keep our layers
    timm = {} if path == SHIPPED else {"timm": metadata.version("timm")}
    return {"code": code_digest(), **timm}


def read_counts(path: Path) -> dict[str, Cost]:
    """What a file remembers by key; nothing when it is absent, damaged, or from other code."""
    try:
        written = path.read_bytes() if path == SHIPPED else read_own(path)
        content = parse_json(written.decode())
        check_shape(content, _SHAPE)
        if any(content.get(key) != value for key, value in _stamp(path).items()):
            return {}
        return {key: Cost(*values) for key, values in content["counts"].items()}
    except (OSError, ValueError, TypeError):
        return {}


def _remember(path: Path, counts: dict[str, Cost]) -> None:
    timm = {"timm": metadata.version("timm")}
    values = {key: list(vars(cost).values()) for key, cost in sorted(counts.items())}
    try:
        write_json_atomic(path, {**_stamp(path), **timm, "counts": values})
    except OSError:
        return  # a runs folder that cannot be written: count again next time


def _write_shipped() -> None:
    from ablations.planning.plan import make_plan
    from ablations.studies.config import find_experiments
    from ablations.studies.study_file import load_experiments

    counts: dict[str, Cost] = {}
    for study in load_experiments(find_experiments()).studies.values():
        plan = make_plan(study)
        setting = setting_of(plan.data)
        if setting is not None:
            for spec in plan.networks.values():
                counts[key_of(spec, setting)] = _count(spec, setting)
    _remember(SHIPPED, counts)


if __name__ == "__main__":
    _write_shipped()
