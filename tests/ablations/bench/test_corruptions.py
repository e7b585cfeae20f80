"""The bench of corruptions: it measures what it says, with the other library and without it."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations.bench.corruptions import contestants, measure
from ablations.bench.corruptions.contestants import LIBRARY
from ablations.bench.corruptions.job import Job, Request, request_of
from ablations.bench.corruptions.measure import Readings
from ablations.bench.corruptions.pictures import pictures
from ablations.bench.process import BenchProcess
from ablations.cli import main
from datamodules.corruptions.names import CORRUPTIONS

# A library of the same interface, which takes a millisecond for fog at severity 1 and two for it
# at others, and no time for the rest.
FAKE = """
import time
def corrupt(image, *, corruption_name, severity):
    end = time.process_time() + (0.001 if severity == 1 else 0.002) * (corruption_name == "fog")
    while time.process_time() < end:
        pass
    return image
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{LIBRARY}.py").write_text(FAKE)
    about = tmp_path / "imagecorruptions_imaug-0.0.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text("Metadata-Version: 2.1\nName: imagecorruptions-imaug\nVersion: 0.0\n")
    (tmp_path / "cv2.py").write_text("def setNumThreads(number): assert number == 1")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(sys.path)}")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [Request(name, level) for name in ("fog", "contrast") for level in (1, 3, 5)]
    monkeypatch.setattr(measure, "possible", lambda side: kept)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.mark.usefixtures("fake", "few")
def test_both_are_measured_in_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "found.json"
    options = ["--sides", "32", "--images", "3", "--rounds", "2", "--out", str(out)]
    assert main(["bench", "corruptions", *options]) == 0
    shown = capsys.readouterr().out
    found = read(out)
    assert found["versions"]["imagecorruptions-imaug"] == "0.0"
    (side,) = found["sides"]
    rows = {row["corruption"]: row for row in side["rows"]}
    assert set(rows) == {"fog", "contrast"}
    theirs = rows["fog"]["ms_per_image"]["library"]
    assert 1 <= theirs["1"] < 2 <= theirs["3"]
    assert rows["fog"]["library_over_ours"] > rows["contrast"]["library_over_ours"]
    assert len(side["readings"]["ours"]["fog/1"]) == 2
    assert "sum of 15" in shown
    assert "library/ours" in shown


@pytest.mark.usefixtures("few")
def test_without_the_library_ours_is_measured_and_what_to_install_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contestants, "installed", lambda: None)
    options = ["--sides", "32", "--images", "2", "--rounds", "1", "--json"]
    assert main(["bench", "corruptions", *options]) == 0
    said = capsys.readouterr()
    assert "pip install imagecorruptions-imaug" in said.err
    (side,) = json.loads(said.out)["sides"]
    assert list(side["sum"]["ms_per_image"]) == ["ours"]
    assert "library_over_ours" not in side["sum"]
    assert side["first_s"]["ours"] > 0


def test_ratios_are_of_sums_within_a_round() -> None:
    fog, contrast = Request("fog", 1), Request("contrast", 1)
    readings = Readings(32, 1)
    readings.ms = {
        "ours": {fog: [1.0, 2.0], contrast: [1.0, 2.0]},
        "library": {fog: [3.0, 8.0], contrast: [5.0, 8.0]},
    }
    assert readings.of("ours", ["fog", "contrast"], 1) == [2.0, 4.0]
    assert readings.of("library", CORRUPTIONS, 1) == [8.0, 16.0]
    assert readings.ratio(CORRUPTIONS) == 4
    assert readings.middle("library", ["fog"], 1) == 5.5


def test_all_corruptions_that_can_be_made_are_measured() -> None:
    names = {request.name for request in measure.possible(32)}
    assert set(CORRUPTIONS) <= names
    assert all(request_of(request.text()) == request for request in measure.possible(224))


def test_a_contestant_that_fails_says_why(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", pictures(1, 32))
    process = BenchProcess(
        "ablations.bench.corruptions.contestants:ours",
        Job(str(tmp_path / "images.npy")),
        title="ours",
        log=tmp_path / "log",
    )
    try:
        process.answer()
        with pytest.raises(ValueError, match=r"ours failed: .*no such corruption: fogg"):
            process.ask(Request("fogg", 1).text())
    finally:
        process.end()


@pytest.mark.parametrize("sides", ["224,24", "big", ""])
def test_sides_that_the_library_refuses_are_refused(
    sides: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "corruptions", "--sides", sides]) != 0
    assert "--sides takes whole numbers of pixels from 32 on" in capsys.readouterr().err


def test_pictures_are_square_and_differ() -> None:
    found = pictures(3, 40)
    assert found.shape == (3, 40, 40, 3)
    assert not np.array_equal(found[0], found[2])
