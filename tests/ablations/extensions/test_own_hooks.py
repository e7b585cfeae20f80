"""An augmentation and a metric of one's own, from the command line to the report."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablations.cli import main
from tests.ablations.extensions.test_own_files import forget_all

HOOKS = """
from torchmetrics.classification import MulticlassCalibrationError
from ablations.extend import measured, register_augmentation, register_column, register_metric

@register_augmentation("darker")
def darker(images, draw):
    assert images.shape[1] == 1 and draw(0).shape == (len(images),)
    return images // 2

register_metric("calibration")(MulticlassCalibrationError)
register_column("calibration", measured("test/calibration", "my error", decimals=3, drop_order=9))
"""
STUDY = """
use: [hooks.py]
studies:
  mine:
    data: {name: digits, train_limit: 128, test_limit: 128}
    recipe:
      epochs: 1
      batch_size: 64
      ema_decay: 0.5
      metrics: [calibration]
      augment: {custom: [darker]}
    oversized_kernels: true
    points: {kind: networks, networks: {own: [nano_convmixer]}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "hooks.py").write_text(HOOKS, encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(STUDY, encoding="utf-8")
    yield path
    forget_all()


def test_they_train_are_measured_and_count(file: Path) -> None:
    runs = file.parent / "runs"
    where = ["--file", str(file), "--runs", str(runs)]
    assert main(["run", "mine", *where, "--workers", "0"]) == 0
    (run,) = (path.parent for path in (runs / "all").glob("*/summary.json"))
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert {
        "val/calibration",
        "val_ema/calibration",
        "test/calibration",
        "test_ema/calibration",
    } <= set(summary)
    with (run / "metrics.csv").open(encoding="utf-8") as rows:
        (row,) = csv.DictReader(rows)
    assert float(row["val/calibration"]) == pytest.approx(summary["val/calibration"])
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    (entry,) = config["extensions"].values()
    assert entry["names"] == ["augmentation darker", "metric calibration"]
    assert main(["report", "mine", *where]) == 0
    report = runs / "studies" / "mine" / "report"
    assert "my error" in (report / "index.html").read_text(encoding="utf-8")
    with (report / "table.csv").open(encoding="utf-8") as rows:
        (row,) = csv.DictReader(rows)
    assert 0 < summary["test/calibration"] < 1
    assert str(summary["test/calibration"]) in row.values()


@pytest.mark.parametrize(
    ("wrong", "said", "line"),
    [
        (
            ("[calibration]", "[calibratio]"),
            "recipe.metrics: there is no metric 'calibratio'. Did you mean calibration?",
            10,
        ),
        (
            ("[darker]", "[darkr=0.5]"),
            "recipe.augment.custom: there is no augmentation 'darkr'. Did you",
            11,
        ),
    ],
)
def test_unknown_names_have_file_and_line(
    file: Path, wrong: tuple[str, str], said: str, line: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(STUDY.replace(*wrong), encoding="utf-8")
    assert main(["plan", "mine", "--no-time", "--file", str(file)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert f"{file}:{line} (studies.mine.recipe." in error


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("images // 2", "images[:, :, :4]", "darker"),
        ("images // 2", "images / no_such", r"hooks.py:\d+: NameError"),
        ("(MulticlassCalibrationError)", "(lambda number: number)", "no torchmetrics.Metric"),
    ],
)
def test_what_cannot_work_is_told_before_any_run(
    file: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    before: str,
    after: str,
    said: str,
    workers: str,
) -> None:
    hooks = file.with_name("hooks.py")
    hooks.write_text(HOOKS.replace(before, after), encoding="utf-8")
    runs = file.parent / "runs"
    where = ["--file", str(file), "--runs", str(runs), "--workers", workers]
    assert main(["run", "mine", *where]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert not list(runs.glob("all/*"))
