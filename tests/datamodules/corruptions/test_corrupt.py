"""What holds for every corruption: pairing, channels, storage, refusals."""

import re
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.corruptions.kinds.corrupt import corrupt, stored_quality
from datamodules.corruptions.kinds.digital import through_jpeg
from datamodules.corruptions.kinds.named import NAMED
from datamodules.corruptions.names import CORRUPTIONS, EXTRA
from datamodules.corruptions.pixels import luma
from datamodules.corruptions.severities import severity, table_of
from tests.support.images.photographs import batch_of, cuts

NAMES = (*CORRUPTIONS, *EXTRA)
COUNT = 66


def possible(name: str, level: int, *, side: int) -> bool:
    """Whether it can be made here: some need OpenCV."""
    return NAMED[name].refusal(severity(name, level, table=table_of(side))) is None


def photographs(count: int, side: int) -> torch.Tensor:
    size = min(4 * side, 400)
    return batch_of([cut.resize((side, side)) for cut in cuts(count, (size, size))])


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_there_is_a_corruption_for_every_name() -> None:
    assert set(NAMED) == set(NAMES)


@pytest.mark.parametrize(("side", "channels"), [(24, 3), (56, 3), (20, 1)])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("one_thread")
def test_an_images_pixels_depend_on_its_number_only(name: str, side: int, channels: int) -> None:
    level = 4  # of spatter: mud
    if channels == 1 and NAMED[name].grey == "none":
        return
    pixels = photographs(COUNT, side)[:, :channels]
    indices = np.arange(1000, 1000 + COUNT)

    def part(places: np.ndarray) -> torch.Tensor:
        chosen = pixels[torch.from_numpy(places)]
        return corrupt(chosen, name=name, level=level, seed=3, indices=indices[places])

    whole = part(np.arange(COUNT))
    assert whole.shape == pixels.shape
    assert whole.dtype == torch.uint8
    shuffled = np.random.default_rng(0).permutation(COUNT)
    torch.set_num_threads(2)
    assert torch.equal(part(shuffled), whole[torch.from_numpy(shuffled)])
    torch.set_num_threads(1)
    for size in (1, 7):
        some = [part(np.arange(at, at + size)) for at in range(0, 4 * size, size)]
        assert torch.equal(torch.cat(some), whole[: 4 * size])


@pytest.mark.parametrize("name", NAMES)
def test_channels_that_lie_last_make_no_difference(name: str) -> None:
    pixels = photographs(2, 40)
    last = pixels.contiguous(memory_format=torch.channels_last)
    made = [
        corrupt(images, name=name, level=5, seed=0, indices=np.arange(2))
        for images in (pixels, last)
    ]
    assert torch.equal(*made)


RANDOM = {
    "gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "glass_blur", "motion_blur",
    "snow", "frost", "fog", "elastic_transform", "spatter",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_depends_on_seed_number_and_severity(name: str) -> None:
    pixels = photographs(1, 32).repeat(2, 1, 1, 1)

    def made(seed: int, first: int) -> torch.Tensor:
        indices = np.array([first, first + 1])
        return corrupt(pixels, name=name, level=5, seed=seed, indices=indices)

    once = made(0, 0)
    assert torch.equal(once, made(0, 0))
    is_random = name in RANDOM
    assert torch.equal(once[0], once[1]) != is_random  # equal images with other numbers
    assert torch.equal(once, made(1, 0)) != is_random
    assert torch.equal(once[1], made(0, 1)[0])
    if name == "gaussian_noise":  # another severity is another draw, not the same one enlarged
        grey = torch.full((1, 3, 32, 32), 128, dtype=torch.uint8)
        noise = [
            corrupt(grey, name=name, level=level, seed=0, indices=np.zeros(1, np.int64)).double()
            for level in (1, 2)
        ]
        together = torch.corrcoef(torch.stack([one.flatten() for one in noise]))[0, 1]
        assert abs(together) < 0.1


@pytest.mark.parametrize("side", [24, 64])
@pytest.mark.parametrize("name", NAMES)
def test_one_channel_stands_for_three_equal_ones(name: str, side: int) -> None:
    """Where nothing is drawn for each channel, it is luma of the corrupted colour image."""
    grey = photographs(2, side)[:, :1]

    def made(images: torch.Tensor) -> torch.Tensor:
        return corrupt(
            images, name=name, level=4, seed=0, indices=np.arange(2), reencode="none"
        ).int()

    if NAMED[name].grey == "none":
        with pytest.raises(ValueError, match="saturate is not defined for images of one channel"):
            made(grey)
        return
    found, colour = made(grey), made(grey.repeat(1, 3, 1, 1))
    assert found.shape == grey.shape
    if name.endswith("noise"):  # the strength of one channel's draw, not of the mean of three
        spread = [(image[:, :1] - grey.int()).double().std() for image in (colour, found)]
        assert 0.9 < spread[1] / spread[0] < 1.1
    else:  # snow sums luma of the pixels themselves, which may round the last bit otherwise
        difference = (luma(colour.to(torch.uint8)).int() - found).abs()
        assert difference.max() <= (1 if name == "snow" else 0)


def test_a_grey_jpeg_is_that_of_three_equal_channels() -> None:
    grey = photographs(2, 64)[:, :1]
    colour = through_jpeg(grey.repeat(1, 3, 1, 1), quality=30)
    assert torch.equal(through_jpeg(grey, quality=30).expand(-1, 3, -1, -1), colour)


def test_luma_of_equal_channels_is_the_channel() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(luma(levels.repeat(1, 3, 1, 1)), levels)


@pytest.mark.parametrize(("side", "quality"), [(32, None), (64, 85), (112, 85), (224, 85)])
def test_images_are_stored_as_the_benchmarks_were(side: int, quality: int | None) -> None:
    assert stored_quality("auto", table=table_of(side)) == quality
    pixels = photographs(1, side)
    how = {"name": "contrast", "level": 2, "seed": 0, "indices": np.arange(1)}
    plain = corrupt(pixels, reencode="none", **how)  # type: ignore[arg-type]
    file = BytesIO()
    image = Image.fromarray(plain[0].permute(1, 2, 0).numpy())
    image.save(file, "JPEG", quality=85, optimize=True, subsampling="4:2:0")
    read = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None]
    assert not torch.equal(read, plain)
    auto = corrupt(pixels, reencode="auto", **how)  # type: ignore[arg-type]
    assert torch.equal(auto, plain if quality is None else read)
    assert torch.equal(corrupt(pixels, reencode="85", **how), read)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "fogg"}, "no such corruption: fogg. Did you mean fog?"),
        ({"level": 6}, "severities of fog are 1 to 5, found 6"),
        (
            {"pixels": torch.zeros(1, 3, 8, 8, dtype=torch.uint8)},
            "images of 8 px are too small for corruptions (16 at least): set data.eval_size",
        ),
        (
            {"pixels": torch.zeros(1, 5, 32, 32, dtype=torch.uint8)},
            "corruptions are defined for images of 1 or 3 channels, found 5",
        ),
        (
            {"pixels": torch.zeros(1, 3, 32, 40, dtype=torch.uint8)},
            "corruptions are defined for square images, found 32 x 40 px",
        ),
    ],
)
def test_what_is_refused(change: dict[str, object], message: str) -> None:
    wanted = {
        "pixels": torch.zeros(1, 3, 32, 32, dtype=torch.uint8),
        "name": "fog",
        "level": 1,
        "seed": 0,
        "indices": np.arange(1),
        **change,
    }
    with pytest.raises(ValueError, match=re.escape(message)):
        corrupt(**wanted)  # type: ignore[arg-type]
