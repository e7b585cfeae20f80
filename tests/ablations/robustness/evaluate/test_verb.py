"""`ablate robustness`, as it is typed."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations.cli import main
from ablations.robustness.results.stored import FOLDER, answered
from tests.support.robustness.small_study import (
    STUDY,
    array_files,
    places,
    robustness,
    run_folders,
)

# All corruptions at all severities, and PGD of two steps, on 32 images.
FEW = (
    *("--suite", "corruptions,attacks", "images=32"),
    *("attacks.fgsm=[1/255]", "attacks.pgd=[0.006]", "attacks.steps=2", "attacks.sweep=[]"),
)


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_study_is_asked_once(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert robustness(study, *FEW, "--json") == 0
    said = printed(capsys)
    assert (said["networks"], said["failed"]) == (2, [])
    assert set(said["conditions"].values()) == {2}
    assert said["answered"] == 2 * len(said["conditions"])
    kinds = [name.partition("/")[0] for name in said["conditions"]]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "clean": 1,
        "corruptions": 75,
        "attacks": 2,
    }
    assert robustness(study, *FEW, "--json") == 0
    assert printed(capsys)["answered"] == 0
    for run in run_folders(study):
        by_name = {answer.condition: answer for answer in answered(run).values()}
        attacked = by_name["attacks/pgd/0.006"].arrays()
        assert attacked["distance"].max() <= 0.006 + 1e-6
        assert by_name["attacks/pgd/0.006"].decides["parameters"]["steps"] == 2
        assert len(attacked["predicted"]) == 32


def test_other_parameters_are_other_answers(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--suite", "attacks", "images=8", "attacks.pgd=[]", "attacks.sweep=[]", "--json")
    assert robustness(study, *words, "attacks.fgsm=[1/255]") == 0
    capsys.readouterr()
    assert robustness(study, *words, "attacks.fgsm=[1/255,2/255]") == 0
    assert printed(capsys)["answered"] == 2
    assert robustness(study, *words, "attacks.fgsm=[1/255]", "seed=1") == 0
    assert printed(capsys)["answered"] == 4
    assert robustness(study, *words, "attacks.fgsm=[1/255]", "images=9") == 0
    assert printed(capsys)["answered"] == 4


def test_a_plan_asks_nothing(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    assert robustness(study, "--suite", "quick", "images=16", "--plan", "--json") == 0
    said = printed(capsys)
    rows = {row["condition"]: row for row in said["conditions"]}
    assert rows["clean/clean"] | {"seconds": 0} == {
        "condition": "clean/clean",
        "images": 16,
        "networks": 2,
        "missing": 2,
        "forwards": 32,
        "backwards": 0,
        "seconds": 0,
    }
    assert rows["attacks/fgsm/8_255"]["backwards"] == 32
    assert said["backwards"] == 64
    assert said["forwards"] >= 32 * 47
    assert said["seconds"] > 0
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before
    assert robustness(study, "--suite", "quick", "images=16", "--plan") == 0
    out = capsys.readouterr().out
    assert "corruptions/fog/3" in out
    assert "98 answers are missing" in out


def test_what_is_odd_about_data_is_a_note(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from datamodules.sets import sources

    whole, odd = sources.read_data, "two images are one"

    def read_data(data: Any) -> sources.Source:
        warnings.warn(odd, sources.DataWarning, stacklevel=1)
        return whole(data)

    for module in ("ablations.robustness.images.data_set", "datamodules.module"):
        monkeypatch.setattr(f"{module}.read_data", read_data)
    capsys.readouterr()
    assert robustness(study, "--suite", "quick", "images=16", "--plan", "--json") == 0
    assert odd in printed(capsys)["notes"]
    assert main(["evaluate", run_folders(study)[0].name, *places(study)]) == 0
    told = capsys.readouterr()
    assert f"note: {odd}" in told.out
    assert odd not in told.err


def test_the_end_says_what_to_type_next(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert robustness(study, "--suite", "occlusion", "images=8") == 0
    out = capsys.readouterr().out
    assert "conditions are answered by all 2 networks, with 8 images each" in out
    assert f"`ablate report {STUDY} " in out


def test_one_run_and_a_checkpoint_alone(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = run_folders(study)
    words = ["--suite", "quick", "images=8", "hardware.accelerator=cpu"]
    assert main(["robustness", first.name, *places(study), *words]) == 0
    assert not (second / FOLDER).exists()
    assert f"the answers are in {first / FOLDER}" in capsys.readouterr().out
    alone = tmp_path / "net.ckpt"
    shutil.copy(first / "checkpoints" / "last.ckpt", alone)
    size = "data.image_size=16"
    assert main(["robustness", str(alone), "digits", size, *places(study), *words]) == 0
    of_run, of_file = answered(first), answered(tmp_path / "net.answers")
    assert of_run.keys() == of_file.keys()
    for identity, answer in of_run.items():
        for name, array in answer.arrays().items():
            np.testing.assert_array_equal(of_file[identity].arrays()[name], array)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--suite", "corruption"], "--suite corruption: no such suite. Did you mean corruptions?"),
        (["imges=3"], "key 'imges' is unknown. Did you mean images?"),
        (["attacks.fgm=[0.1]"], "Did you mean fgsm?"),
        (["robustness.attacks.fgsm=[8]"], "did you mean 8/255?"),
        (["data.rot=x"], "key of data 'rot' is unknown. Did you mean root?"),
        (["hardware.thread=2"], "Did you mean threads?"),
        (["images=0"], "robustness.images is 0"),
        (["robustness=quik"], "quik: no such suite"),
        (["images=many"], "expected a whole number"),
        (["data.eval_size=8"], "images of 8 px are too small for corruptions (16 at least)"),
        (["weights=ema"], "has no averaged weights"),
        (["fashion_mnst"], "Did you mean fashion_mnist?"),
        (["--suite", "imagenet"], "1,000 classes of ImageNet"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_asked(
    words: list[str], said: str, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert robustness(finished, *words, *(() if "--suite" in words else ("--suite", "quick"))) != 0
    out = capsys.readouterr()
    assert said.lower() in (out.out + out.err).lower()
    assert not any((run / FOLDER / "clean").exists() for run in run_folders(finished))


def test_a_study_without_runs_is_told_how_to_have_them(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(study / "runs")
    assert robustness(study) == 2
    assert f"{STUDY} has no finished run: `ablate run {STUDY} " in capsys.readouterr().err
    assert main(["robustness", "smal", *places(study)]) == 2
    assert f"The study {STUDY}?" in capsys.readouterr().err


def test_run_asks_at_its_end_where_the_study_says_so(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["robustness={suite: quick, images: 8, after_run: true}", "hardware.workers=0"]
    assert main(["run", STUDY, *places(study), *keys]) == 0
    assert "2 of 2 runs done" in capsys.readouterr().out
    assert len(array_files(study)) == 2 * (49 + 1)
    index = json.loads((study / "runs" / "studies" / STUDY / "index.json").read_text())
    assert index["robustness"]["images"] == 8


def test_a_plan_of_the_study_says_what_would_be_asked(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*places(study), "--no-time", "robustness={suite: [quick, attacks], images: 50}"]
    assert main(["plan", STUDY, *words]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "asked under suite quick and attacks with 50 test images: `ablate robustness" in out
