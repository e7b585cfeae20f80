"""What FFCV itself reads from our files, and we from its."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.beton import format as beton_format
from datamodules.beton.file import read_beton, read_manifest
from datamodules.beton.manifest import BetonPart, EncodeOptions, Manifest
from datamodules.decoding.decode import read_rgb
from datamodules.writing.encode import Encoded, Unreadable, encode_image
from datamodules.writing.samples import SampleWriter
from tests.support.images.beton_files import sample_images, write_from
from tests.support.images.image_trees import photograph, write_tree

SIZE = (48, 32)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of JPEGs in small pages, then of raw images of the same size that need larger ones."""
    path = tmp_path_factory.mktemp("mixed") / "x.beton"
    options = EncodeOptions(encode="jpeg")
    with path.open("wb") as file:
        writer = SampleWriter(file, 25, page_size=4096)
        for number in range(20):
            image = photograph(number, SIZE)
            sample = encode_image(image, options, jpeg=number < 10, measure=False)
            assert isinstance(sample, Encoded)
            writer.append(sample, number % 3)
        assert writer.page_size == 8192
        counts = (7, 7, 6)
        manifest = Manifest(
            name="image_folder",
            parts=(BetonPart("train", counts),),
            class_names=("ant", "bee", "cat"),
            mean=(0.5, 0.5, 0.5),
            std=(0.2, 0.2, 0.2),
            measured=20,
            min_side=32,
            max_side=48,
            options=options,
            fingerprint="",
            content="",
        )
        writer.finish(manifest)
    assert read_manifest(path) == manifest
    return path


def test_the_types_are_those_of_ffcv() -> None:
    from ffcv import types
    from ffcv.fields import IntField, RGBImageField

    assert types.HeaderType == beton_format.HEADER
    assert types.FieldDescType == beton_format.FIELD
    assert types.ALLOC_TABLE_TYPE == beton_format.ALLOCATION
    assert RGBImageField().metadata_type == beton_format.IMAGE
    assert types.CURRENT_VERSION == beton_format.VERSION
    for kinds in ((IntField, RGBImageField), (RGBImageField, IntField)):
        numbers = [
            number for kind in kinds for number, k in types.TYPE_ID_HANDLER.items() if k is kind
        ]
        expected = types.get_metadata_type([kind() for kind in kinds])
        assert beton_format.metadata_type(*numbers) == expected


def test_the_stock_reader_finds_every_sample(tmp_path: Path) -> None:
    from ffcv.reader import Reader

    written = write_from(write_tree(tmp_path / "tree"), tmp_path / "x.beton")
    reader, beton = Reader(str(written.path)), read_beton(written.path)
    assert reader.field_names == ["image", "label"]
    assert [type(handler).__name__ for handler in reader.handlers.values()] == [
        "RGBImageField",
        "IntField",
    ]
    assert reader.num_samples == len(reader.alloc_table) == len(beton) == 36
    assert reader.metadata["f1"].tolist() == beton.labels.tolist() == sorted([0, 1, 2] * 6) * 2
    assert reader.alloc_table["size"].tolist() == beton.sizes.tolist()


@pytest.mark.parametrize("os_cache", [True, False])
def test_the_stock_loader_reads_jpeg_and_raw_across_pages_that_grow(
    mixed: Path, os_cache: bool
) -> None:
    import torch
    from ffcv.fields.decoders import IntDecoder, SimpleRGBImageDecoder
    from ffcv.loader import Loader, OrderOption
    from ffcv.transforms import ToTensor

    threads = torch.get_num_threads()
    loader = Loader(
        str(mixed),
        batch_size=8,
        num_workers=1,
        order=OrderOption.SEQUENTIAL,
        os_cache=os_cache,
        drop_last=False,
        pipelines={
            "image": [SimpleRGBImageDecoder(), ToTensor()],
            "label": [IntDecoder(), ToTensor()],
        },
    )
    batches = [(image.clone(), label.clone()) for image, label in loader]
    torch.set_num_threads(threads)  # the loader sets them for the whole process

    images = torch.cat([image for image, _ in batches]).numpy()
    labels = torch.cat([label for _, label in batches]).numpy()
    assert labels[:, 0].tolist() == [number % 3 for number in range(20)]
    for number, decoded in enumerate(sample_images(read_beton(mixed))):
        expected = np.asarray(decoded, np.int64)
        difference = np.abs(images[number] - expected)
        # FFCV asks libjpeg for its fast transform, which rounds more.
        assert difference.max() <= (0 if number >= 10 else 10)
        assert np.abs(expected - np.asarray(photograph(number, SIZE))).mean() < 8


def write_stock(path: Path, mode: str) -> list[Image.Image]:
    from ffcv.fields import IntField, RGBImageField
    from ffcv.writer import DatasetWriter

    images = [photograph(number, (30 + number, 40)) for number in range(11)]
    samples = [(np.asarray(image), number % 4) for number, image in enumerate(images)]
    fields = {"label": IntField(), "picture": RGBImageField(write_mode=mode)}
    writer = DatasetWriter(str(path), fields, num_workers=2)
    # Small chunks, so that the two processes append in no order.
    writer.from_indexed_dataset([pair[::-1] for pair in samples], chunksize=1)
    return images


def test_a_file_that_ffcv_wrote_can_be_opened_without_a_manifest(tmp_path: Path) -> None:
    images = write_stock(tmp_path / "x.beton", "raw")
    beton = read_beton(tmp_path / "x.beton", manifest=False)
    assert beton.manifest is None
    assert (beton.image_field, beton.label_field) == ("picture", "label")
    assert beton.labels.tolist() == [number % 4 for number in range(11)]
    for image, stored in zip(images, sample_images(beton), strict=True):
        np.testing.assert_array_equal(np.asarray(stored), np.asarray(image))


@pytest.mark.parametrize("read", [read_beton, read_manifest])
def test_a_file_that_ffcv_wrote_is_refused_where_a_manifest_is_needed(
    tmp_path: Path, read: object
) -> None:
    write_stock(tmp_path / "x.beton", "jpg")
    assert callable(read)
    with pytest.raises(ValueError, match=r"x\.beton has no manifest.*`ablate data write`"):
        read(tmp_path / "x.beton")


def test_a_sample_larger_than_a_page_doubles_the_pages(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", images=2)
    photograph(7, (1700, 1690)).save(tree / "train/bee/big.png")
    beton = read_beton(write_from(tree, tmp_path / "x.beton", encode="raw").path)
    assert beton.page_size == 16 << 20
    ends = beton.offsets + beton.sizes - np.uint64(1)
    assert (beton.offsets >> np.uint64(24)).tolist() == (ends >> np.uint64(24)).tolist()
    files = sorted((tree / "train").rglob("*.*")) + sorted((tree / "val").rglob("*.*"))
    for path, stored in zip(files, sample_images(beton), strict=True):
        np.testing.assert_array_equal(np.asarray(stored), np.asarray(read_rgb(path)))


def test_a_side_that_the_format_cannot_hold_is_no_sample() -> None:
    image = Image.new("RGB", (65536, 1))
    found = encode_image(image, EncodeOptions(encode="raw"), jpeg=False, measure=False)
    assert isinstance(found, Unreadable)
    assert "65536 x 1 pixels are too many" in found.reason
    capped = EncodeOptions(encode="raw", max_side=65535)
    assert isinstance(encode_image(image, capped, jpeg=False, measure=False), Encoded)
