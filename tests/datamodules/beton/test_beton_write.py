"""What stands in a beton that was written from a tree or from images in memory."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.beton.file import read_beton
from datamodules.beton.format import JPEG, RAW
from datamodules.beton.manifest import EncodeOptions, Skipped
from datamodules.catalog.catalog import DATASETS
from datamodules.catalog.resolved import resolve
from datamodules.decoding import native
from datamodules.decoding.decode import read_rgb
from datamodules.sets.arrays import digits
from datamodules.sets.sources import ArrayImages
from datamodules.writing.encode import restart_interval
from datamodules.writing.source import source_config
from tests.support.images.beton_files import pixels, sample_bytes, sample_images, write_from
from tests.support.images.image_trees import (
    broken_inside,
    photograph,
    truncate,
    write_jpeg,
    write_tree,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "x.beton"


def files(tree: Path) -> list[Path]:
    """The files of a tree in the order of the beton."""
    found = [path for part in ("train", "val", "test") for path in sorted((tree / part).rglob("*"))]
    return [path for path in found if path.is_file()]


def rotated(image: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image.save(path, exif=exif, quality=90)


SOURCES: dict[str, Callable[[Image.Image, Path], None]] = {
    "grey.jpg": lambda image, path: image.convert("L").save(path),
    "palette.png": lambda image, path: image.quantize(64).save(path),
    "alpha.png": lambda image, path: image.convert("RGBA").save(path),
    "cmyk.jpg": lambda image, path: image.convert("CMYK").save(path),
    "sixteen.png": lambda image, path: Image.fromarray(
        np.asarray(image.convert("L"), np.uint16) * 257
    ).save(path),
    "rotated.jpg": rotated,
    "progressive.jpg": lambda image, path: image.save(path, progressive=True),
    "tiny.png": lambda image, path: image.resize((1, 1)).save(path),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("encode", ["raw", "jpeg", "original"])
def test_any_source_becomes_what_training_would_read(
    tree: Path, out: Path, name: str, encode: str
) -> None:
    path = tree / "train/ant" / f"0_{name}"  # the second file
    SOURCES[name](photograph(5), path)
    written = write_from(tree, out, encode=encode)
    beton, expected = read_beton(out), read_rgb(path)
    stored = list(sample_images(beton))[1]
    assert stored.mode == "RGB"
    assert stored.size == expected.size == (int(beton.widths[1]), int(beton.heights[1]))
    assert np.abs(pixels(stored) - pixels(expected)).mean() <= (0 if encode == "raw" else 12)
    if encode == "original":
        same = sample_bytes(beton)[1] == path.read_bytes()
        assert same == (name in ("grey.jpg", "rotated.jpg", "progressive.jpg"))
    assert written.manifest.parts[0].class_counts == (7, 6, 6)


def test_raw_pixels_are_those_of_the_files(tree: Path, out: Path) -> None:
    beton = read_beton(write_from(tree, out, encode="raw").path)
    assert set(beton.modes.tolist()) == {RAW}
    for path, stored in zip(files(tree), sample_images(beton), strict=True):
        np.testing.assert_array_equal(np.asarray(stored), np.asarray(read_rgb(path)))


def test_original_bytes_are_those_of_the_files(tree: Path, out: Path) -> None:
    beton = read_beton(write_from(tree, out, encode="original").path)
    assert sample_bytes(beton) == [path.read_bytes() for path in files(tree)]


def test_a_jpeg_without_an_end_is_encoded_again(tree: Path, out: Path) -> None:
    path = tree / "train/ant/0.jpg"
    path.write_bytes(path.read_bytes()[:-2] + bytes(100))
    beton = read_beton(write_from(tree, out, encode="original").path)
    assert sample_bytes(beton)[0].endswith(b"\xff\xd9")
    assert sample_bytes(beton)[1] == (tree / "train/ant/1.jpg").read_bytes()


def test_quality_is_that_of_the_encoder(tree: Path, tmp_path: Path) -> None:
    low = write_from(tree, tmp_path / "low.beton", quality=30)
    high = write_from(tree, tmp_path / "high.beton", quality=95)
    assert low.size < high.size
    stored = next(sample_images(read_beton(high.path)))
    data = io.BytesIO()
    read_rgb(tree / "train/ant/0.jpg").save(data, "JPEG", quality=95)
    np.testing.assert_array_equal(np.asarray(stored), np.asarray(Image.open(data)))


def test_mixed_holds_the_share_of_jpegs_and_always_the_same(tmp_path: Path) -> None:
    first = write_from("digits", tmp_path / "a.beton", encode="mixed", jpeg_share=0.3)
    again = write_from("digits", tmp_path / "b.beton", encode="mixed", jpeg_share=0.3)
    modes = read_beton(first.path).modes
    assert (modes == JPEG).mean() == pytest.approx(0.3, abs=0.03)
    assert first.manifest.content == again.manifest.content


@pytest.mark.parametrize("encode", ["jpeg", "raw", "original"])
def test_the_longer_side_is_capped_as_ffcv_does(tree: Path, out: Path, encode: str) -> None:
    write_jpeg(tree / "train/ant/0.jpg", 1, (101, 40))
    write_jpeg(tree / "train/ant/1.jpg", 1, (40, 101))
    write_jpeg(tree / "train/ant/2.jpg", 1, (60, 59))
    write_jpeg(tree / "train/ant/3.jpg", 1, (500, 2))
    beton = read_beton(write_from(tree, out, encode=encode, max_side=60).path)
    sizes = list(zip(beton.widths.tolist(), beton.heights.tolist(), strict=True))
    assert sizes[:4] == [(60, 23), (23, 60), (60, 59), (60, 1)]
    kept = sample_bytes(beton)[2] == (tree / "train/ant/2.jpg").read_bytes()
    assert kept == (encode == "original")
    stored = next(sample_images(beton))
    expected = read_rgb(tree / "train/ant/0.jpg").resize((60, 23), Image.Resampling.BICUBIC)
    assert np.abs(pixels(stored) - pixels(expected)).mean() <= (0 if encode == "raw" else 8)


def test_the_restart_interval_divides_a_row() -> None:
    widths = [1, 16, 17, 48, 80, 112, 500, 1008, 11 * 16, 13 * 16]
    assert [restart_interval(width) for width in widths] == [1, 1, 2, 3, 5, 7, 2, 3, 1, 1]


def interval_of(jpeg: bytes) -> int:
    place = jpeg.index(b"\xff\xdd\x00\x04")
    return int.from_bytes(jpeg[place + 4 : place + 6], "big")


@pytest.mark.parametrize("encode", ["jpeg", "mixed", "original"])
def test_restart_markers_change_no_pixel(tree: Path, tmp_path: Path, encode: str) -> None:
    photograph(3, (70, 33)).save(tree / "train/ant/0.png")
    plain = read_beton(write_from(tree, tmp_path / "plain.beton", encode=encode).path)
    marked = write_from(tree, tmp_path / "marked.beton", encode=encode, restart=True)
    beton = read_beton(marked.path)
    for data, mode in zip(sample_bytes(beton), beton.modes, strict=True):
        if mode == JPEG:
            assert interval_of(data) == restart_interval(Image.open(io.BytesIO(data)).width)
    for one, other in zip(sample_images(plain), sample_images(beton), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_restart_of_original_bytes_needs_the_compiled_decoder(
    tree: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "library", lambda: None)
    with pytest.raises(ValueError, match=r"--restart needs it .*compiled decoder is not there"):
        write_from(tree, out, encode="original", restart=True)
    assert write_from(tree, out, encode="jpeg", restart=True).manifest.options.restart


def test_images_in_memory_are_stored_at_their_own_size(out: Path) -> None:
    written = write_from("digits", out, encode="raw")
    config = resolve(source_config("digits")).config
    source = digits(DATASETS["digits"], config)
    beton = read_beton(out)
    assert written.manifest.min_side == written.manifest.max_side == config.image_size == 8
    stored = np.stack([np.asarray(image)[:, :, 0] for image in sample_images(beton)])
    assert isinstance(source.train, ArrayImages)
    assert isinstance(source.test, ArrayImages)
    expected = np.concatenate([source.train.pixels, source.test.pixels])[:, 0]
    np.testing.assert_array_equal(stored, expected)
    np.testing.assert_array_equal(
        beton.labels, np.concatenate([source.train.labels, source.test.labels])
    )
    np.testing.assert_allclose(written.manifest.mean, np.mean(source.train.pixels / 255))
    np.testing.assert_allclose(written.manifest.std, np.std(source.train.pixels / 255))


def test_images_in_memory_have_no_bytes_of_their_own(out: Path) -> None:
    with pytest.raises(ValueError, match="digits has no image files: use --encode raw or jpeg"):
        write_from("digits", out, encode="original")


def test_statistics_count_every_training_image_once(tree: Path, out: Path) -> None:
    for path in files(tree):
        path.unlink()
    for part in ("train", "val"):  # other colours in val, which do not count
        for number, name in enumerate(("ant", "bee", "cat")):
            side = 10 * (number + 1)
            colour = (0, 255 * (number > 0), 51 * number) if part == "train" else (9, 9, 9)
            Image.new("RGB", (side, side), colour).save(tree / part / name / "x.png")
    manifest = write_from(tree, out, encode="raw").manifest
    assert manifest.measured == 3
    assert manifest.mean == pytest.approx((0, 2 / 3, 0.2))
    assert manifest.std == pytest.approx((0, np.std([0, 1, 1]), np.std([0, 0.2, 0.4])))


def test_val_and_test_both_follow_train(tmp_path: Path, out: Path) -> None:
    tree = write_tree(tmp_path / "tree", splits=("train", "val", "test"), images=2)
    write_jpeg(tree / "val/bee/9.jpg")
    manifest = write_from(tree, out, encode="original").manifest
    assert manifest.ranges == {
        "train": range(6),
        "val": range(6, 13),
        "test": range(13, 19),
    }
    assert manifest.parts[1].class_counts == (2, 3, 2)
    assert sample_bytes(read_beton(out)) == [path.read_bytes() for path in files(tree)]


def test_one_sample_a_class_is_enough(tmp_path: Path, out: Path) -> None:
    tree = write_tree(tmp_path / "tree", classes=("ant", "bee"), images=1)
    assert write_from(tree, out).manifest.samples == len(read_beton(out)) == 4


@pytest.mark.parametrize("encode", ["jpeg", "original", "mixed"])
def test_the_file_depends_on_source_and_options_only(
    tree: Path, tmp_path: Path, encode: str
) -> None:
    one = write_from(tree, tmp_path / "one.beton", encode=encode, workers=1)
    four = write_from(tree, tmp_path / "four.beton", encode=encode, workers=4)
    assert one.path.read_bytes() == four.path.read_bytes()
    other = write_from(tree, tmp_path / "raw.beton", encode="raw")
    assert other.manifest.content != one.manifest.content
    assert other.manifest.fingerprint == one.manifest.fingerprint
    write_jpeg(tree / "val/cat/5.jpg", seed=77)
    changed = write_from(tree, tmp_path / "changed.beton", encode=encode)
    assert changed.manifest.content != one.manifest.content
    assert changed.manifest.fingerprint != one.manifest.fingerprint


def colourful(tree: Path) -> Path:
    """A tree whose images tell their class and number by colour."""
    for path in files(tree):
        path.unlink()
    for part in ("train", "val"):
        for label, name in enumerate(("ant", "bee", "cat")):
            for number in range(4):
                image = Image.new("RGB", (20, 20), (label, number, 0))
                image.save(tree / part / name / f"{number}.png")
    return tree


def test_a_skipped_image_shifts_no_label(tree: Path, tmp_path: Path, out: Path) -> None:
    colourful(tree)
    truncate(tree / "train/ant/1.png")  # found by the look at the ends
    broken_inside(tree / "train/bee/2.png")  # found by decoding
    (tree / "val/cat/notes.txt").write_text("no image")
    manifest = write_from(tree, out, encode="raw", on_error="skip").manifest
    names = {file.name for file in manifest.skipped}
    assert names == {"train/ant/1.png", "train/bee/2.png", "val/cat/notes.txt"}
    assert manifest.skipped_count == 3
    assert [part.class_counts for part in manifest.parts] == [(3, 3, 4), (4, 4, 4)]
    beton = read_beton(out)
    found = [tuple(np.asarray(image)[0, 0].tolist()) for image in sample_images(beton)]
    assert [colour[0] for colour in found] == beton.labels.tolist()
    assert (0, 1, 0) not in found[:10]

    for name in names:
        (tree / name).unlink()
    without = write_from(tree, tmp_path / "without.beton", encode="raw").manifest
    assert without.content == manifest.content
    assert without.skipped == ()


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda path: truncate(path.with_suffix(".jpg")), "train/ant/0.jpg"),
        (lambda path: broken_inside(path.with_suffix(".png")), "train/ant/0.png"),
        (lambda path: path.with_suffix(".gif").touch(), "ant/0.gif"),
    ],
    ids=["truncated jpeg", "broken inside", "empty"],
)
def test_an_unreadable_image_is_named_and_nothing_is_written(
    tree: Path, out: Path, spoil: Callable[[Path], object], name: str
) -> None:
    spoil(tree / "train/ant/0")
    with pytest.raises(ValueError, match=name.removeprefix("train/")):
        write_from(tree, out)
    assert list(out.parent.glob("*.beton*")) == []
    skipped = write_from(tree, out, on_error="skip").manifest.skipped
    assert [file.name.endswith(name) for file in skipped] == [True]
    assert skipped[0].reason


def test_a_class_that_loses_all_its_images_is_refused(tree: Path, out: Path) -> None:
    for path in (tree / "val/cat").iterdir():
        path.unlink()
    broken_inside(tree / "val/cat/x.png")
    with pytest.raises(ValueError, match="No image of the class cat in test can be read"):
        write_from(tree, out, on_error="skip")


def test_a_class_folder_without_images_is_refused(tree: Path, out: Path) -> None:
    (tree / "train/dog").mkdir()
    with pytest.raises(ValueError, match=r"class folder.* without a usable image.*dog"):
        write_from(tree, out, on_error="skip")


def test_names_that_are_no_text_are_written_and_shown(tree: Path, out: Path) -> None:
    name = "k\udce4fer"  # Latin-1 on a UTF-8 system
    (tree / "train/bee").rename(tree / "train" / name)
    (tree / "val/bee").rename(tree / "val" / name)
    broken_inside(tree / "train" / name / "x\udce4.png")
    manifest = write_from(tree, out, on_error="skip").manifest
    assert manifest.class_names == ("ant", "cat", name)
    assert manifest.skipped[0].name == r"train/k\xe4fer/x\xe4.png"
    assert read_beton(out).manifest == manifest


def test_skipped_files_are_counted_and_the_first_are_named(tree: Path, out: Path) -> None:
    for number in range(1005):
        (tree / "train/ant" / f"{number:04}.txt").write_text("no image")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        manifest = write_from(tree, out, on_error="skip").manifest
    assert (manifest.skipped_count, len(manifest.skipped)) == (1005, 1000)
    assert manifest.skipped[0] == Skipped("train/ant/0000.txt", "not an image")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"quality": 0}, "--quality is 0, .* from 1 to 100"),
        ({"jpeg_share": 1.5}, "--jpeg-share is 1.5"),
        ({"max_side": 0}, "--max-side is 0"),
        ({"encode": "raw", "restart": True}, "--restart has no meaning for raw pixels"),
    ],
)
def test_options_that_no_file_could_have_are_refused(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        EncodeOptions(**{"encode": "jpeg", **values})  # type: ignore[arg-type]
