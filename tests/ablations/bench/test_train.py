"""The bench of networks: who is measured, in which order, and what is made of the readings."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from timm.layers import DropPath
from torch import nn

from ablations.bench.process import BenchProcess, to_text
from ablations.bench.train import measure, steps
from ablations.bench.train.job import SETTINGS, Job, Setting, from_text
from ablations.bench.train.measure import Reading, Spread, cpu_ratio, order, speed_ratio, spread
from ablations.bench.train.timing import forget_peak, peak
from ablations.cli import main, make_parser
from ablations.commands.bench import train as command
from lit_models.network.layers import ParallelConv

CPU = Setting("cpu", channels_last=False)


def job(network: str, setting: Setting = CPU, **changes: Any) -> Job:
    values: dict[str, Any] = {
        "drop_path_rate": 0.0,
        "image_size": 32,
        "batch_size": 2,
        "threads": 1,
        "seconds": 0.001,
    }
    return Job(network=network, setting=setting, **{**values, **changes})


def run(*arguments: str) -> int:
    return main(["bench", "train", *arguments])


def test_ours_and_timms_alternate_and_have_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_SECONDS", 0.001)
    monkeypatch.setattr(command, "SETTINGS", SETTINGS[1:2])
    small_ones = {"ours": "nano_convnext", "timm": "timm/test_convnext"}
    monkeypatch.setattr(command, "implementations", lambda _: small_ones)
    out = tmp_path / "result.json"
    small = ["--image-size", "32", "--batch-size", "2", "--rounds", "2", "--threads", "1"]
    assert run("--models", "nano_convnext", "--device", "cpu", *small, "--out", str(out)) == 0
    result, shown = json.loads(out.read_text()), capsys.readouterr().out

    assert (result["rounds"], result["threads"]) == (2, 1)
    assert torch.__version__.startswith(result["versions"]["torch"])
    assert [row["mode"] for row in result["rows"]] == ["forward", "train"]
    for row in result["rows"]:
        assert (row["image_size"], row["batch_size"]) == (32, 2)
        assert row["setting"] == "cpu fp32 channels_last"
        for who in ("ours", "timm"):
            assert len(row[who]["readings"]["rate"]) == 2
            assert row[who]["images_per_s"] > 0
            assert 100 < row[who]["peak_mb"] < 10_000
        ratio = row["speed_over_timm"]
        assert ratio["low"] <= ratio["middle"] <= ratio["high"]
    forward, train = result["rows"]
    assert forward["ours"]["peak_mb"] < train["ours"]["peak_mb"]
    assert "nano_convnext" in shown
    assert "2 rounds in turns, 1 threads" in shown


def test_a_network_that_timm_lacks_is_measured_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def measured(jobs: dict[str, Job], **_: object) -> measure.Readings:
        asked.append([one.network for one in jobs.values()])
        reading = Reading(rate=(4.0, 2.0), cpu=(0.25, 0.5), peak=(3_000_000, 5_000_000))
        both = dict.fromkeys(jobs, reading)
        return {"forward": both, "train": both}

    monkeypatch.setattr(command, "measure", measured)
    names = "nano_replknet,convnext_tiny,timm/deit_tiny_patch16_224"
    assert run("--models", names, "--device", "cpu") == 0
    shown = capsys.readouterr().out

    alone, pair = ["nano_replknet"], ["convnext_tiny", "timm/convnext_tiny"]
    assert asked == [alone, pair, ["timm/deit_tiny_patch16_224"]] * 2
    assert "Measured alone" in shown
    assert "'nano_replknet', 'timm/deit_tiny_patch16_224'" in shown
    assert "1.00 [1.00, 1.00]" in shown


def test_timms_network_has_the_drop_path_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: dict[str, Job] = {}

    def measured(made: dict[str, Job], **_: object) -> measure.Readings:
        jobs.update(made)
        return {}

    monkeypatch.setattr(command, "measure", measured)
    assert run("--models", "convnext_tiny", "--device", "cpu") == 0

    assert jobs["timm"].drop_path_rate == 0.1
    network = steps._network(jobs["timm"])
    rates = [m.drop_prob for m in network.modules() if isinstance(m, DropPath)]
    assert max(rates) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--models", "resnet5"], ["'resnet5'", "did you mean", "resnet50"]),
        (["--models", "timm/resnet5"], ["timm", "resnet50"]),
        (["--models", ","], ["--models"]),
        (["--models", "nano_spach_mlp", "--image-size", "64"], ["nano_spach_mlp", "32 px", "64"]),
        (["--rounds", "0"], ["--rounds", "0"]),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    out, err = capsys.readouterr()

    assert out == ""
    assert err.count("\n") == 1
    for word in words:
        assert word in err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--device", "cuda") == 2
    assert "no GPU" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--image-size", "--batch-size", "--threads"])
def test_numbers_are_positive(option: str) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["bench", "train", option, "0"])


def test_a_gpu_is_measured_in_bf16_eager_and_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    everything = [setting.title for setting in command._settings(None)]

    assert everything == [
        "cpu fp32 contiguous",
        "cpu fp32 channels_last",
        "cuda bf16 channels_last",
        "cuda bf16 channels_last compiled",
    ]
    assert [s.device for s in command._settings("cuda")] == ["cuda", "cuda"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [s.device for s in command._settings(None)] == ["cpu", "cpu"]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """The networks that steps are made of."""
    found: list[nn.Module] = []

    def keep(_: Job, network: nn.Module) -> nn.Module:
        found.append(network)
        return network

    monkeypatch.setattr(steps, "_autocast", keep)
    return found


def test_forward_is_measured_on_merged_convolutions(seen: list[nn.Module]) -> None:
    for mode in ("forward", "train"):
        steps.make_step(job("nano_replknet"), mode)()
    forward, train = seen

    assert not any(isinstance(module, ParallelConv) for module in forward.modules())
    assert not forward.training
    assert any(isinstance(module, ParallelConv) for module in train.modules())
    assert train.training


@pytest.mark.parametrize("channels_last", [True, False])
def test_a_training_step_changes_the_weights_in_the_asked_layout(
    channels_last: bool, seen: list[nn.Module]
) -> None:
    setting = Setting("cpu", channels_last=channels_last)
    step = steps.make_step(job("nano_convnext", setting), "train")
    weight = next(w for w in seen[0].parameters() if w.dim() == 4 and w.shape[1] > 1)
    before = weight.detach().clone()
    step()

    assert not torch.equal(weight, before)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert weight.is_contiguous(memory_format=layout)
    assert weight.grad is None


def test_bf16_is_autocast() -> None:
    setting = Setting("cpu", channels_last=True, precision="bf16")
    made = steps._autocast(job("nano_convnext", setting), nn.Linear(4, 4))

    assert made(torch.ones(2, 4)).dtype == torch.bfloat16


def test_ratios_are_taken_within_a_round() -> None:
    ours = Reading(rate=(2.0, 30.0, 8.0), cpu=(1.0, 1.0, 1.0), peak=(1, 1, 1))
    theirs = Reading(rate=(1.0, 10.0, 2.0), cpu=(2.0, 2.0, 2.0), peak=(1, 1, 1))

    assert speed_ratio(ours, theirs) == Spread(3, 2.5, 3.5)
    assert cpu_ratio(ours, theirs) == Spread(2, 2, 2)
    assert spread([5.0]) == Spread(5, 5, 5)


def test_who_goes_first_alternates() -> None:
    assert [order(["ours", "timm"], number)[0] for number in range(4)] == ["ours", "timm"] * 2


def test_a_job_travels_as_text() -> None:
    for setting in SETTINGS:
        assert from_text(to_text(job("resnet50", setting))) == job("resnet50", setting)


def test_what_a_process_said_is_shown_when_it_fails(tmp_path: Path) -> None:
    process = BenchProcess(
        "ablations.no_such:answers", job("x"), title="theirs", log=tmp_path / "log"
    )
    with pytest.raises(ValueError, match=r"theirs failed: .*no_such"):
        process.ask("forward")
    process.end()


def test_the_peak_is_seen_and_forgotten() -> None:
    size = 64 * 1024**2
    before = peak("cpu")
    block = bytearray(b"x" * size)
    high = peak("cpu")
    assert high >= before
    assert high > size
    del block
    forget_peak("cpu")
    assert peak("cpu") < high


def test_the_default_names_are_networks() -> None:
    options: argparse.Namespace = make_parser().parse_args(["bench", "train"])
    for name in options.models.split(","):
        assert set(command.implementations(name)) == {"ours", "timm"}


def test_threads_are_those_of_the_outer_level_and_a_wrong_number_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = make_parser().parse_args(["bench", "train"])
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert command._threads(options) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="OMP_NUM_THREADS is 'many', which is no number"):
        command._threads(options)
