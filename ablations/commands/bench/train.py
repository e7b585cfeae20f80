"""`ablate bench train`: networks, settings, rounds, then a table and JSON."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ablations.bench.train.job import DEVICES, SETTINGS, Device, Job, Setting
from ablations.bench.train.measure import Reading, cpu_ratio, measure, speed_ratio, spread
from ablations.commands.bench.verbs import add_rounds, check_rounds
from ablations.commands.parsing import at_least
from ablations.files.plain_text import as_json
from ablations.store.runs import write_text_atomic
from lit_models.families.reference import PREFIX, Network, TimmModel, named_network, timm_names

MODELS = "resnet50,convnext_tiny,convmixer_768_32"
_SECONDS = 0.5  # that one measurement lasts at least
_BATCH: Mapping[Device, int] = {"cpu": 8, "cuda": 64}
_SIDE = 224


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate bench train`."""
    number = at_least(1)
    add_rounds(parser)
    parser.add_argument("--models", default=MODELS, metavar="NAME,NAME", help=f"default: {MODELS}")
    parser.add_argument(
        "--image-size", type=number, metavar="PX", help="default: the network's, else 224"
    )
    parser.add_argument("--batch-size", type=number, metavar="N", help="default: 8, on a GPU 64")
    parser.add_argument("--device", choices=DEVICES, help="default: every one that is there")
    parser.add_argument(
        "--threads",
        type=number,
        metavar="N",
        help="on the CPU; default: $OMP_NUM_THREADS, else one a core",
    )


def command(options: argparse.Namespace) -> int:
    """Measure the networks that were named."""
    check_rounds(options)
    names = [name for name in options.models.split(",") if name]
    if not names:
        raise ValueError("--models names no network: `ablate list` shows what there is")
    for name in names:
        _check_size(name, named_network(name), options.image_size)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="ablate-bench-") as folder:
        for setting in _settings(options.device):
            for name in names:
                rows += _measured(name, setting, options, Path(folder))
    result = {**_circumstances(options), "rows": rows}
    text = as_json(result)
    if options.out is not None:
        write_text_atomic(options.out, text + "\n")
    if options.json:
        print(text)
    else:
        from ablations.bench.train.table import show

        show(result)
    return 0


def _check_size(name: str, network: Network, side: int | None) -> None:
    built_for = network.image_size
    if side is not None and built_for is not None and side != built_for:
        raise ValueError(
            f"{name} is built for images of {built_for} px, and --image-size is {side}: measure it "
            f"in a run of its own, without --image-size"
        )


def _settings(device: Device | None) -> Iterator[Setting]:
    """The settings of the device that was asked for, else of all that are there."""
    import torch

    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise ValueError("--device is cuda, but PyTorch finds no GPU here: leave --device out")
    for setting in SETTINGS:
        if setting.device == (device or setting.device) and (has_gpu or setting.device == "cpu"):
            yield setting


def _measured(
    name: str, setting: Setting, options: argparse.Namespace, folder: Path
) -> list[dict[str, Any]]:
    """A row for each mode."""
    network = named_network(name)
    job = Job(
        network=name,
        setting=setting,
        drop_path_rate=network.drop_path_rate,
        image_size=options.image_size or network.image_size or _SIDE,
        batch_size=options.batch_size or _BATCH[setting.device],
        threads=_threads(options),
        seconds=_SECONDS,
    )
    readings = measure(
        {who: Job(**{**vars(job), "network": text}) for who, text in implementations(name).items()},
        rounds=options.rounds,
        folder=folder,
        say=lambda text: print(f"{name}, {setting.title}: {text}", file=sys.stderr),
    )
    about = {"network": name, "image_size": job.image_size, "batch_size": job.batch_size}
    return [
        {**about, "mode": mode, "setting": setting.title, **_summary(found)}
        for mode, found in readings.items()
    ]


def implementations(name: str) -> dict[str, str]:
    """Who is measured: our network, and timm's where timm has the name."""
    if isinstance(named_network(name), TimmModel):
        return {"timm": name}
    return {"ours": name, "timm": PREFIX + name} if name in timm_names() else {"ours": name}


def _summary(found: Mapping[str, Reading]) -> dict[str, Any]:
    summary: dict[str, Any] = {
        name: {
            "images_per_s": spread(reading.rate).middle,
            "cpu_s_per_image": spread(reading.cpu).middle,
            "peak_mb": max(reading.peak) / 1e6,
            "readings": asdict(reading),
        }
        for name, reading in found.items()
    }
    if len(found) == 2:
        ours, theirs = found["ours"], found["timm"]
        summary["speed_over_timm"] = asdict(speed_ratio(ours, theirs))
        summary["speed_over_timm_by_cpu_time"] = asdict(cpu_ratio(ours, theirs))
    return summary


def _threads(options: argparse.Namespace) -> int:
    said = os.environ.get("OMP_NUM_THREADS", "")  # it may be a list: one for each level
    first = said.partition(",")[0].strip()
    if options.threads is None and said and not (first.isdecimal() and int(first) > 0):
        raise ValueError(f"OMP_NUM_THREADS is {said!r}, which is no number: give --threads N")
    return options.threads or int(first or len(os.sched_getaffinity(0)))


def _circumstances(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from ablations.store.provenance import versions

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "rounds": options.rounds,
        "threads": _threads(options),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "gpu": gpu,
        "versions": {name: versions()[name] for name in ("torch", "timm")},
    }
