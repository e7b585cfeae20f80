"""`ablate data write`, `check` and `info` as they are typed."""

import json
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ablations.cli import main
from ablations.commands.data.progress import shown_progress
from ablations.files.plain_text import size_text
from datamodules.beton.file import Beton, read_beton
from tests.datamodules.beton.test_beton_stock import write_stock
from tests.support.images.image_trees import broken_inside, truncate, write_tree


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "x.beton"


@pytest.fixture
def beton(tree: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> Beton:
    assert main(["data", "write", str(tree), "--out", str(out)]) == 0
    capsys.readouterr()
    return read_beton(out)


def test_a_tree_is_written_checked_and_described(
    tree: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--quality", "80", "--max-side", "30", "--restart", "--workers", "3"]
    assert main(["data", "write", str(tree), "--out", str(out), *arguments]) == 0
    text, errors = capsys.readouterr()
    assert text.startswith("36 images, about ")
    assert "are free" in text
    assert f"{out}: train 18, test 18; " in text
    assert "verified" in text
    assert errors == ""

    assert main(["data", "check", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: all 36 samples are fine\n"
    assert main(["data", "check", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []

    assert main(["data", "info", str(out), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["samples"], values["jpeg"], values["raw"]) == (36, 36, 0)
    assert values["sides"] == [25, 30]
    assert values["manifest"]["class_names"] == ["ant", "bee", "cat"]
    assert values["manifest"]["options"] == {
        "encode": "jpeg",
        "quality": 80,
        "jpeg_share": 0.5,
        "max_side": 30,
        "restart": True,
    }
    assert values["manifest"]["versions"].keys() >= {"python", "pillow", "numpy", "libjpeg-turbo"}
    assert main(["data", "info", str(out)]) == 0
    text = capsys.readouterr().out
    encoding = "encoding  JPEG of quality 80; longer side at most 30; restart markers\n"
    for words in ("36 samples", "3 classes: ant, bee, cat", "6 to 6 of a class", encoding):
        assert words in text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "JPEG of quality 90"),
        (["--encode", "raw"], "raw pixels"),
        (["--encode", "mixed"], "JPEG of quality 90 for 50 % of the images, else raw pixels"),
        (["--encode", "original"], "original bytes of JPEG files, JPEG of quality 90 for others"),
    ],
    ids=["default", "raw", "mixed", "original"],
)
def test_info_says_how_the_images_are_stored(
    tree: Path, out: Path, capsys: pytest.CaptureFixture[str], typed: list[str], said: str
) -> None:
    assert main(["data", "write", str(tree), "--out", str(out), *typed]) == 0
    assert main(["data", "info", str(out)]) == 0
    assert f"  encoding  {said}\n" in capsys.readouterr().out


def test_the_estimate_is_close(tree: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "write", str(tree), "--out", str(out), "--encode", "raw"]) == 0
    said = capsys.readouterr().out.split("about ")[1].split(" kB")[0]
    assert float(said) == pytest.approx(out.stat().st_size / 1000, rel=0.05)


@pytest.mark.parametrize(("arguments", "kind"), [([], "raw"), (["--encode", "jpeg"], "jpeg")])
def test_images_in_memory_are_raw_unless_said(
    out: Path, arguments: list[str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "write", "digits", "--out", str(out), *arguments]) == 0
    capsys.readouterr()
    assert main(["data", "info", str(out), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values[kind] == values["samples"] == 1797
    assert values["sides"] == [8, 8]
    assert values["manifest"]["name"] == "digits"


def test_a_folder_below_the_data_root_may_be_named(
    tree: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABLATE_DATA", str(tree.parent))
    assert main(["data", "write", "tree", "--out", str(out)]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["digit"], ["'digit' is neither a folder nor a data set", "Did you mean digits?"]),
        (["image_folder"], ["'image_folder' is neither"]),
        (["tree/train"], ["has to hold train/"]),
        (["tree", "--quality", "200"], ["--quality is 200"]),
        (["digits", "--encode", "original"], ["digits has no image files"]),
        (["digits", "--restart"], ["--restart has no meaning for raw pixels"]),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tree.parent)
    assert main(["data", "write", *arguments, "--out", "x.beton"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ablate: ")
    assert len(error.splitlines()) == 1
    for word in words:
        assert word in error
    assert list(tree.parent.glob("*.beton*")) == []


def test_an_unreadable_file_is_named_and_can_be_left_out(
    tree: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truncate(tree / "train/bee/3.jpg")
    broken_inside(tree / "val/cat/x.png")
    write = ["data", "write", str(tree), "--out", str(out)]
    assert main(write) == 2
    error = capsys.readouterr().err
    assert "bee/3.jpg" in error
    assert "--on-error skip" in error
    assert main([*write, "--on-error", "skip"]) == 0
    text = capsys.readouterr().out
    assert "left out 2 that cannot be read:" in text
    assert "train/bee/3.jpg (image file is truncated" in text
    assert "val/cat/x.png (" in text
    assert main(["data", "info", str(out)]) == 0
    assert "train/bee/3.jpg" in capsys.readouterr().out


def test_a_file_that_would_not_fit_is_refused_before_it_is_begun(
    tree: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(20_000))
    assert main(["data", "write", str(tree), "--out", str(out)]) == 2
    assert "but only 20.0 kB are free" in capsys.readouterr().err
    assert not out.exists()


def damaged(beton: Beton, index: int, change: Callable[[bytearray], None]) -> None:
    """Change the bytes of one sample in place."""
    with beton.path.open("r+b") as file:
        file.seek(int(beton.offsets[index]))
        data = bytearray(file.read(int(beton.sizes[index])))
        change(data)
        file.seek(int(beton.offsets[index]))
        file.write(data)


def zeroed(data: bytearray) -> None:
    data[:] = bytes(len(data))


def flipped(data: bytearray) -> None:
    data[-3] ^= 1


def resized(data: bytearray) -> None:
    place = data.index(b"\xff\xc0") + 5  # height, width
    data[place + 2 : place + 4] = (40).to_bytes(2, "big")


def test_check_names_every_damaged_sample(beton: Beton, capsys: pytest.CaptureFixture[str]) -> None:
    damaged(beton, 7, zeroed)
    damaged(beton, 20, flipped)
    damaged(beton, 35, resized)
    assert main(["data", "check", str(beton.path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("sample 7 (train, class bee) cannot be decoded")
    assert lines[1] == ("sample 35 (test, class cat) has 40 x 40 pixels, but 48 x 40 are recorded")
    assert lines[2] == "sample 20 (test, class ant) is not the one that was written"
    assert lines[3] == f"{beton.path}: 3 problem(s)"
    assert main(["data", "check", str(beton.path), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 3


def replaced(path: Path, place: int, new: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(new)


def test_check_looks_behind_a_damaged_manifest(
    beton: Beton, capsys: pytest.CaptureFixture[str]
) -> None:
    content = beton.path.read_bytes()
    replaced(beton.path, content.index(b'"ant"'), b'"art"')
    damaged(beton, 7, zeroed)
    assert main(["data", "check", str(beton.path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "its manifest is not the one that was written" in lines[0]
    assert lines[1].startswith("sample 7 (label 1) cannot be decoded")


def test_check_notices_damage_outside_the_samples(
    beton: Beton, capsys: pytest.CaptureFixture[str]
) -> None:
    content = beton.path.read_bytes()
    manifest = content.index(b'{\n "format"')
    replaced(beton.path, manifest - 4, bytes(4))
    assert main(["data", "check", str(beton.path)]) == 1
    assert "the list of checksums is damaged" in capsys.readouterr().out
    replaced(beton.path, manifest - 4, content[manifest - 4 : manifest])
    assert main(["data", "check", str(beton.path)]) == 0

    rows = 24 + 2 * 1041
    labels = np.frombuffer(content[rows:], np.dtype("<i8"), 2 * 3 * 36)[2::3]
    assert labels[:18].tolist() == beton.labels[:18].tolist()
    swapped = (rows + 16 + 24 * 5, 1), (rows + 16 + 24 * 6, 0)  # the counts stay as they were
    for place, label in swapped:
        replaced(beton.path, place, label.to_bytes(8, "little"))
    assert main(["data", "check", str(beton.path)]) == 1
    assert "what it holds is not what its manifest says" in capsys.readouterr().out


def test_check_of_what_is_no_beton_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.beton").write_text("ants and bees, but no images at all")
    assert main(["data", "check", str(tmp_path / "x.beton")]) == 1
    assert "x.beton is no beton" in capsys.readouterr().out
    assert main(["data", "info", str(tmp_path / "x.beton")]) == 2
    assert "x.beton is no beton" in capsys.readouterr().err


def test_files_that_ffcv_wrote_are_checked_and_described_as_far_as_can_be(
    out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_stock(out, "jpg")
    capfd.readouterr()
    assert main(["data", "check", str(out)]) == 0
    assert "all 11 samples are fine; it has no manifest" in capfd.readouterr().out
    assert main(["data", "info", str(out)]) == 0
    text = capfd.readouterr().out
    assert "11 JPEG, 0 raw; sides 30 to 40" in text
    assert "no manifest" in text
    damaged(read_beton(out, manifest=False), 3, zeroed)
    assert main(["data", "check", str(out)]) == 1
    assert "sample 3 (label 3) cannot be decoded" in capfd.readouterr().out


def test_progress_without_a_terminal_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with shown_progress() as progress:
        for done in range(1, 41):
            progress("written", done, 40, 1000 * done)
            now += 1
    assert capsys.readouterr().out.splitlines() == [
        "written 11 of 40, 11.0 kB, about 26 s left",
        "written 21 of 40, 21.0 kB, about 18 s left",
        "written 31 of 40, 31.0 kB, about 9 s left",
    ]


def test_progress_on_a_terminal_is_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with shown_progress() as progress:
        progress("written", 20, 40, 1000)
        progress("written", 40, 40, 2000)
        progress("verified", 40, 40, 2000)
    text = capsys.readouterr().out
    assert "40/40" in text
    assert "verified" in text


@pytest.mark.parametrize(
    ("size", "text"), [(999, "999 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (15e10, "150.0 GB")]
)
def test_sizes_are_in_units_for_people(size: float, text: str) -> None:
    assert size_text(size) == text
