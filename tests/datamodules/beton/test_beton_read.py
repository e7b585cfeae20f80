"""Every file that is no whole beton is refused in one sentence that names it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datamodules.beton.file import has_manifest, read_beton, read_manifest, stored_checksums
from datamodules.beton.format import FIELD, HEADER
from datamodules.beton.manifest import EncodeOptions, Skipped, from_json, to_json
from datamodules.writing.check import check_beton
from datamodules.writing.part_file import check_target
from tests.support.images.beton_files import write_from
from tests.support.images.image_trees import write_tree

ROWS = HEADER.itemsize + 2 * FIELD.itemsize
POINTER_AT = HEADER.itemsize + FIELD.itemsize + 17


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return write_from(write_tree(folder / "tree"), folder / "whole.beton").path


def header(content: bytes, **values: int) -> bytes:
    changed = np.frombuffer(content[: HEADER.itemsize], HEADER).copy()
    for name, value in values.items():
        changed[name] = value
    return changed.tobytes() + content[HEADER.itemsize :]


def without_samples(content: bytes) -> bytes:
    return header(content[:ROWS], num_samples=0, alloc_table_ptr=ROWS)


def patched(content: bytes, place: int, new: bytes) -> bytes:
    return content[:place] + new + content[place + len(new) :]


def row(content: bytes, index: int, **values: int) -> bytes:
    """Change the metadata of a sample; both lists of offsets stay equal only if not `data_ptr`."""
    offsets = {
        "mode": (0, 1),
        "width": (1, 2),
        "height": (3, 2),
        "data_ptr": (5, 8),
        "label": (16, 8),
    }
    for name, value in values.items():
        place, size = offsets[name]
        content = patched(content, ROWS + 24 * index + place, value.to_bytes(size, "little"))
    return content


def table(content: bytes, index: int, **values: int) -> bytes:
    offsets = {"sample_id": 0, "ptr": 8, "size": 16}
    start = int(np.frombuffer(content[: HEADER.itemsize], HEADER)["alloc_table_ptr"][0])
    for name, value in values.items():
        place = start + 24 * index + offsets[name]
        content = patched(content, place, value.to_bytes(8, "little"))
    return content


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "text": (lambda c: b"train: ants and bees, but no images here", "is no beton"),
    "a photograph": (lambda c: c[c.index(b"\xff\xd8\xff") :], "is no beton"),
    "empty": (lambda c: b"", "is empty"),
    "cut in the header": (lambda c: c[:10], "has only 10 bytes"),
    "cut in the fields": (lambda c: c[:100], "is truncated: it has only 100 bytes"),
    "cut in the metadata": (lambda c: c[: ROWS + 50], "is truncated"),
    "cut in the middle": (lambda c: c[: len(c) // 2], "is truncated"),
    "cut by one byte": (lambda c: c[:-1], "is truncated"),
    "with a byte too many": (lambda c: c + b"\0", "is damaged"),
    "of another version": (lambda c: header(c, version=3), "is a beton of FFCV's format 3"),
    "unfinished": (lambda c: header(c, alloc_table_ptr=0), "was never finished"),
    "unfinished by us": (lambda c: bytes(24) + c[24:], "was never finished"),
    "without samples": (without_samples, "holds no sample"),
    "with a page size that is none": (lambda c: header(c, page_size=1000), "is no beton"),
    "with another field": (lambda c: patched(c, HEADER.itemsize, b"\3"), "types 3, 1"),
    "with a third field": (lambda c: header(c, num_fields=3), "has fields of the FFCV types"),
    "with a sample of no pixels": (lambda c: row(c, 4, width=0), "sample 4 has no pixels"),
    "with a sample of another kind": (lambda c: row(c, 4, mode=7), "sample 4 is neither"),
    "with a raw sample of wrong size": (lambda c: row(c, 4, mode=1), "sample 4 has other bytes"),
    "with a sample outside": (lambda c: table(c, 35, size=10**6), "sample 35 lies outside"),
    "with a sample of huge size": (
        lambda c: table(c, 35, size=2**64 - 1),
        "sample 35 lies outside",
    ),
    "with samples that overlap": (lambda c: table(c, 4, size=3000), "samples overlap"),
    "with two lists that differ": (lambda c: row(c, 4, data_ptr=9999), "two lists of samples"),
    "with a sample named twice": (lambda c: table(c, 4, sample_id=3), "two lists of samples"),
    "with a label of no class": (lambda c: row(c, 4, label=3), "labels outside its 3 classes"),
    "with another label": (lambda c: row(c, 4, label=2), "train has other labels"),
    "with a damaged manifest": (
        lambda c: c.replace(b'"ant"', b'"art"'),
        "its manifest is not the one that was written",
    ),
    "with a manifest elsewhere": (
        lambda c: patched(c, POINTER_AT + 20, (77).to_bytes(8, "little")),
        "its manifest is not where it should be",
    ),
    "without a manifest": (lambda c: patched(c, POINTER_AT, bytes(16)), "has no manifest"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_file_is_refused(tmp_path: Path, whole: Path, name: str) -> None:
    damage, sentence = DAMAGES[name]
    path = tmp_path / "x.beton"
    path.write_bytes(damage(whole.read_bytes()))
    with pytest.raises(ValueError, match=sentence) as raised:
        read_beton(path)
    assert str(raised.value).startswith(f"{path} ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["empty", "cut by one byte", "text", "with a damaged manifest"])
def test_the_manifest_alone_is_refused_too(tmp_path: Path, whole: Path, name: str) -> None:
    damage, sentence = DAMAGES[name]
    path = tmp_path / "x.beton"
    path.write_bytes(damage(whole.read_bytes()))
    with pytest.raises(ValueError, match=sentence):
        read_manifest(path)


def test_every_cut_is_noticed(tmp_path: Path, whole: Path) -> None:
    path, content = tmp_path / "x.beton", whole.read_bytes()
    for size in range(0, len(content), 997):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"x\.beton (is|has)"):
            read_beton(path, manifest=False)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        read_beton(tmp_path / "absent.beton")
    with pytest.raises(ValueError, match="is no regular file"):
        read_manifest(tmp_path)


def test_a_path_may_be_text(whole: Path, tmp_path: Path) -> None:
    text = str(whole)
    assert read_beton(text).path == whole
    assert read_manifest(text) == read_manifest(whole)
    assert has_manifest(text)
    assert stored_checksums(text) is not None
    found = check_beton(text, workers=1, report=lambda *_: None)
    assert (found.samples, found.problems) == (36, ())
    with pytest.raises(ValueError, match=r"x\.zip has to end in \.beton"):
        check_target(str(tmp_path / "x.zip"), force=False)
    tree = write_tree(tmp_path / "tree")
    assert write_from(tree, str(tmp_path / "text.beton")).path == tmp_path / "text.beton"


def test_the_arrays_are_in_the_order_of_the_samples(whole: Path) -> None:
    beton = read_beton(whole)
    assert beton.manifest is not None
    assert beton.manifest == read_manifest(whole)
    assert len(beton) == 36
    assert beton.manifest.ranges == {"train": range(18), "test": range(18, 36)}
    assert [part.class_counts for part in beton.manifest.parts] == [(6, 6, 6), (6, 6, 6)]
    assert beton.manifest.class_names == ("ant", "bee", "cat")
    assert beton.labels.tolist() == sorted([0, 1, 2] * 6) * 2
    assert (set(beton.widths.tolist()), set(beton.heights.tolist())) == ({48}, {40})
    assert {str(column.dtype) for column in (beton.offsets, beton.sizes)} == {"uint64"}
    assert (np.diff(beton.offsets.astype(np.int64)) > 0).all()


def test_a_manifest_survives_its_file(whole: Path) -> None:
    manifest = replace(
        read_manifest(whole),
        class_names=("ant", "b\udcff", "Käse"),
        skipped=(Skipped("train/ant/x", "gone"),),
        options=EncodeOptions(encode="original", max_side=400, restart=True),
    )
    assert from_json(to_json(manifest)) == manifest


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda v: v.update(format=2), "has format 2, but .* reads format 1"),
        (lambda v: v.pop("parts"), "is damaged"),
        (lambda v: v.update(class_names=["ant"]), "counts other classes"),
        (lambda v: v.update(colour="red"), "is damaged"),
        (lambda v: v["options"].update(quality="high"), "is damaged"),
    ],
)
def test_a_manifest_that_we_did_not_write_is_refused(
    whole: Path, change: Callable[[dict[str, object]], object], sentence: str
) -> None:
    values = json.loads(to_json(read_manifest(whole)))
    change(values)
    with pytest.raises(ValueError, match=sentence):
        from_json(json.dumps(values).encode())
    with pytest.raises(ValueError, match="is damaged"):
        from_json(b"{")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_names": [1, 2, 3]}, "names are text"),
        ({"mean": [0.1, 0.2, float("nan")]}, "three finite numbers"),
        ({"std": [0.1]}, "three finite numbers"),
        ({"min_side": "x"}, "whole numbers"),
        ({"parts": [{"name": "../x", "class_counts": [6, 6, 6]}]}, "train, val and test"),
        ({"parts": [{"name": "train", "class_counts": [6, -6, 6]}]}, "whole numbers"),
    ],
)
def test_a_manifest_says_what_it_can_only_say(
    whole: Path, change: dict[str, object], words: str
) -> None:
    values = json.loads(to_json(read_manifest(whole)))
    with pytest.raises(ValueError, match=f"its manifest is damaged: .*{words}"):
        from_json(json.dumps({**values, **change}).encode())
    with pytest.raises(ValueError, match="nested too deep"):
        from_json(b"[" * 100_000)
