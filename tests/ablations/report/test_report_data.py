"""What a report says about a person's own folder, and about classes of very different size."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ablations import report
from tests.support.fabricate import fabricate_study

POINTS = [("00_start", "start", ()), ("01_stage_ratio", "stage_ratio", ("stage_ratio",))]
COUNTS = {
    "classes": 2,
    "train_images": 72,
    "test_images": 20,
    "test_images_of_smallest_class": 2,
    "test_images_of_largest_class": 18,
    "test/balanced_accuracy": 50.0,
}


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A finished study on an own folder without a split, as the launcher and the runs write it."""
    study = fabricate_study(tmp_path, points=POINTS, data="image_folder", seeds=(0, 1))
    edit(study / "index.json", data_title="my_flowers")
    for folder in (tmp_path / "all").iterdir():
        edit(folder / "config.json", folder="/somewhere/flowers")
        config = json.loads((folder / "config.json").read_text())
        edit(folder / "config.json", data=config["data"] | {"test_fraction": 0.2})
        edit(folder / "summary.json", **COUNTS)
    return tmp_path


def test_an_own_folder_has_its_name_and_its_sizes(root: Path) -> None:
    paths = report.write_report("made_up", runs_root=root)
    name = "my_flowers (2 classes, 72 training and 20 test images), "
    for path in (paths.markdown, paths.html, paths.latex):
        text = path.read_text().replace(r"\_", "_")
        assert name in text
        assert "FOLDER" not in text
    text = paths.markdown.read_text()
    assert "a fixed 20 %, the same share of every class, is test" in text
    assert "The test set has 20 images" in text


def test_without_a_title_in_the_index_it_is_the_folders_name(root: Path) -> None:
    edit(root / "studies/made_up/index.json", data_title=None)
    text = report.write_report("made_up", runs_root=root).markdown.read_text()
    assert "\nflowers (2 classes" in text


def test_unbalanced_classes_get_balanced_accuracy(root: Path) -> None:
    paths = report.write_report("made_up", runs_root=root)
    text = paths.markdown.read_text()
    assert "| balanced (%) |" in text
    assert "| 50.00 ± 0.00 |" in text
    assert "2 to 18 images: to name the largest always is 90.00 % top-1" in text
    console = Console(width=200, record=True)
    report.print_terminal("made_up", runs_root=root, console=console)
    assert "balanced (%)" in console.export_text()


def test_balanced_classes_do_not_and_json_always_does(root: Path) -> None:
    for folder in (root / "all").iterdir():
        edit(folder / "summary.json", test_images_of_smallest_class=13)
    paths = report.write_report("made_up", runs_root=root)
    assert "balanced" not in paths.markdown.read_text().lower()
    (row, _) = json.loads(paths.json.read_text())
    assert (row["balanced_accuracy_mean"], row["unbalanced"]) == (50.0, False)
