"""One notion of a readable image: kinds of odd and damaged JPEGs, by reader and verb."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.beton.file import read_beton
from datamodules.config.augmentation import Augmentation
from datamodules.decoding import jpeg_damage, native
from datamodules.decoding.decode import problem, read_rgb
from datamodules.decoding.jpeg_damage import has_huffman_tables
from datamodules.module import build_data_module
from datamodules.sets.sources import load_source
from datamodules.writing.check import check_beton
from tests.support.images.beton_files import sample_bytes, sample_images, write_from
from tests.support.images.image_trees import tree_config, write_tree
from tests.support.images.jpeg_encoder import DHT, encode, odd_scan, without
from tests.support.images.jpegs import boxes, cut_positions, decode_all, jpeg
from tests.support.images.photographs import cuts

SIZE = (120, 88)
PHOTOGRAPH = cuts(1, SIZE)[0]


def lost(data: bytes, *, count: int = 900) -> bytes:
    """Without some bytes of the middle. No decoder can notice each such loss of a few bytes."""
    return data[: len(data) // 2] + data[len(data) // 2 + count :]


def lost_marker(data: bytes) -> bytes:
    """Without a restart marker."""
    at = cut_positions(data)[3]
    return data[:at] + data[at + 2 :]


def lost_segment(data: bytes) -> bytes:
    """Without a restart marker and what it ends."""
    marks = cut_positions(data)
    return data[: marks[3]] + data[marks[4] :]


def emptied_segment(data: bytes) -> bytes:
    """Without most of what lies between two restart markers."""
    marks = cut_positions(data)
    return data[: marks[3] + 2] + data[marks[4] - 12 :]


def restarts(**values: Any) -> bytes:
    return jpeg(PHOTOGRAPH, restart_marker_blocks=5, **values)


SOUND: dict[str, Callable[[], bytes]] = {
    "plain": lambda: jpeg(PHOTOGRAPH),
    "progressive": lambda: jpeg(PHOTOGRAPH, progressive=True),
    "restart markers": restarts,
    "grey": lambda: jpeg(PHOTOGRAPH.convert("L")),
    "scans": lambda: encode(PHOTOGRAPH, [(4, 4), (1, 1), (1, 1)]),
    "odd scan": lambda: odd_scan(jpeg(PHOTOGRAPH)),
    "bytes before the end": lambda: jpeg(PHOTOGRAPH)[:-2] + b"\1\2\3\4\xff\xd9",
    "bytes after the end": lambda: jpeg(PHOTOGRAPH) + bytes(9),
    "zeros for the end": lambda: jpeg(PHOTOGRAPH)[:-2] + bytes(100),
    "no Huffman tables": lambda: without(jpeg(PHOTOGRAPH), DHT),
}
DAMAGED: dict[str, Callable[[], bytes]] = {
    "bytes lost": lambda: lost(jpeg(PHOTOGRAPH)),
    "bytes lost, progressive": lambda: lost(jpeg(PHOTOGRAPH, progressive=True), count=60),
    "bytes lost, restart markers": lambda: emptied_segment(restarts()),
    "restart marker lost": lambda: lost_marker(restarts()),
    "segment lost": lambda: lost_segment(restarts()),
    "bytes lost, grey": lambda: lost(jpeg(PHOTOGRAPH.convert("L"))),
    "bytes lost, odd scan": lambda: lost(odd_scan(jpeg(PHOTOGRAPH))),
    "cut short": lambda: jpeg(PHOTOGRAPH)[:2000],
    "cut short, with an end": lambda: jpeg(PHOTOGRAPH)[:2000] + b"\xff\xd9",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(params=["compiled", "Pillow alone"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With the compiled decoder, and where it was not built."""
    if request.param != "compiled":
        monkeypatch.setattr(native, "library", lambda: None)
    return bool(request.param == "compiled")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", images=2, classes=("ant", "bee"))


def placed(tree: Path, data: bytes) -> Path:
    """As a training image."""
    path = tree / "train/ant/x.jpg"
    path.write_bytes(data)
    return path


def read_all(tree: Path) -> int:
    """Training images that the torch reader gives in an epoch."""
    module = build_data_module(
        tree_config(tree, val_fraction=0.0, loader="torch"),
        Augmentation(),
        batch_size_per_step=5,
        num_workers=0,
    )
    return sum(len(labels) for _, labels in module.train_dataloader())


def codes(data: bytes) -> list[int]:
    """What the compiled decoder says of the whole, of a small crop and of a reduced image."""
    crops = boxes((0, 0, *SIZE), (0, 0, 20, 20), (0, 0, *SIZE))
    return [
        int(code)
        for side in (24, 6)
        for code in decode_all([data] * 3, [SIZE] * 3, crops, side=side)[1]
    ]


@pytest.mark.parametrize("kind", SOUND)
def test_what_every_decoder_survives_is_fine_everywhere(
    tree: Path, kind: str, compiled: bool
) -> None:
    path = placed(tree, data := SOUND[kind]())
    assert problem(path, full=True) is None
    assert len(load_source(tree_config(tree, verify="full")).train.labels) == 5
    assert read_all(tree) == 5
    for encode_as in ("original", "raw"):
        out = write_from(tree, tree.parent / f"{encode_as}.beton", encode=encode_as).path
        found = check_beton(out, workers=1, report=lambda done, total, size: None)
        assert found.problems == ()
        stored = list(sample_images(read_beton(out)))[2]
        difference = np.abs(np.asarray(stored, np.float64) - np.asarray(read_rgb(path)))
        assert difference.mean() <= (2 if kind == "zeros for the end" else 0)
    kept = sample_bytes(read_beton(tree.parent / "original.beton"))[2]
    assert (kept == data) == (kind not in ("no Huffman tables", "zeros for the end"))
    assert has_huffman_tables(kept)
    assert not compiled or codes(kept) == codes(data) == [0] * 6


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_found_by_every_reader_and_verb(
    tree: Path, kind: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = placed(tree, data := DAMAGED[kind]())
    assert problem(path, full=True)
    with pytest.raises(ValueError, match=r"1 of 5 files.*ant/x.jpg"):
        load_source(tree_config(tree, verify="full"))
    with pytest.warns(UserWarning, match=r"1 of 5 files.*ant/x.jpg"):
        kept = load_source(tree_config(tree, verify="full", bad_images="skip"))
    assert len(kept.train.labels) == 4
    with pytest.raises(ValueError, match=r"ant/x.jpg.*(cannot be decoded|truncated)"):
        read_all(tree)
    for encode_as in ("original", "jpeg", "raw"):
        out = tree.parent / f"{encode_as}.beton"
        with pytest.raises(ValueError, match=r"ant/x.jpg"):
            write_from(tree, out, encode=encode_as)
        skipped = write_from(tree, out, encode=encode_as, on_error="skip").manifest.skipped
        assert [file.name.endswith("ant/x.jpg") for file in skipped] == [True]
    assert not compiled or 1 in codes(data)
    if kind == "cut short":  # no version ever wrote it
        return
    monkeypatch.setattr(jpeg_damage, "damage", lambda content: None)
    old = write_from(tree, tree.parent / "old.beton", encode="original").path
    monkeypatch.undo()
    if not compiled:
        monkeypatch.setattr(native, "library", lambda: None)
    found = check_beton(old, workers=1, report=lambda done, total, size: None)
    assert len(found.problems) == 1
    assert found.problems[0].startswith("sample 2 (train, class ant) cannot be decoded")


@pytest.mark.parametrize("kind", SOUND)
def test_original_bytes_get_restart_markers_where_that_is_possible(tree: Path, kind: str) -> None:
    path = placed(tree, data := SOUND[kind]())
    out = write_from(tree, tree.parent / "x.beton", encode="original", restart=True).path
    kept, stored = sample_bytes(read_beton(out))[2], list(sample_images(read_beton(out)))[2]
    difference = np.abs(np.asarray(stored, np.float64) - np.asarray(read_rgb(path)))
    assert difference.mean() <= (2 if kind == "zeros for the end" else 0)
    assert (kept == data) == (kind == "scans")
    assert bool(cut_positions(kept)) == (kind != "scans")


def test_a_beton_whose_sample_has_no_huffman_tables_is_found(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(tree, SOUND["no Huffman tables"]())
    monkeypatch.setattr("datamodules.writing.encode.with_huffman_tables", lambda content: content)
    out = write_from(tree, tree.parent / "old.beton", encode="original").path
    found = check_beton(out, workers=1, report=lambda done, total, size: None)
    assert len(found.problems) == 1
    assert "sample 2 (train, class ant) has no Huffman tables" in found.problems[0]


def test_a_file_is_examined_when_it_is_read_first(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined: list[bytes] = []
    damage = jpeg_damage.damage

    def spy(content: bytes) -> str | None:
        examined.append(content)
        return damage(content)

    monkeypatch.setattr(jpeg_damage, "damage", spy)
    module = build_data_module(
        tree_config(tree, val_fraction=0.0, loader="torch"),
        Augmentation(),
        batch_size_per_step=2,
        num_workers=0,
    )
    loader = module.train_dataloader()
    for _ in range(3):
        assert sum(len(labels) for _, labels in loader) == 4
    assert len(examined) == len(set(examined)) == 4
