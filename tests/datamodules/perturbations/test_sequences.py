"""Perturbation sequences: what can be checked by hand, and by torchvision, OpenCV and NumPy."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import affine, center_crop

from datamodules.corruptions.motion import motion_taps
from datamodules.perturbations.names import NOISE, PERTURBATIONS
from datamodules.perturbations.sequences import sequence
from datamodules.perturbations.tables import Perturbation, perturbation
from tests.support.images.photographs import batch_of, cuts

SMOOTH = [name for name in PERTURBATIONS if name not in NOISE]


def photographs(side: int, count: int = 1) -> torch.Tensor:
    return batch_of(cuts(count, (side, side)))


def frames(name: str, pixels: torch.Tensor, *, side: int = 0, first: int = 0) -> torch.Tensor:
    how = perturbation(name, side=side or pixels.shape[-1])
    return sequence(pixels, how, seed=0, indices=np.arange(first, first + len(pixels)))


def at(name: str, frame: int, pixels: torch.Tensor) -> NDArray[np.int64]:
    """A frame of one image, channels last."""
    found: NDArray[np.int64] = frames(name, pixels)[0, frame].permute(1, 2, 0).numpy()
    return found.astype(np.int64)


def amounts(name: str, side: int) -> list[float]:
    return [*perturbation(name, side=side).amounts()]


@pytest.mark.parametrize(
    ("name", "of_224", "of_32"),
    [
        ("gaussian_noise", 31, 31),
        ("shot_noise", 31, 31),
        ("motion_blur", 31, 21),
        ("zoom_blur", 31, 31),
        ("snow", 31, 31),
        ("brightness", 31, 31),
        ("translate", 41, 16),
        ("rotate", 31, 31),
        ("tilt", 31, 31),
        ("scale", 31, 31),
    ],
)
def test_frames_have_the_images_shape(name: str, of_224: int, of_32: int) -> None:
    for side, count in ((56, of_224), (48, of_32), (16, of_32)):
        colour = photographs(side, count=2)
        found = frames(name, colour)
        assert (found.shape, found.dtype) == ((2, count, 3, side, side), torch.uint8)
        grey = colour[:, :1].contiguous()
        assert frames(name, grey).shape == (2, count, 1, side, side)
        # all are others, but that angles may round to the same pixels, and 16 px have few flakes
        share = 0.8 if name in ("motion_blur", "snow") else 1
        if (name, side) != ("snow", 16):
            assert len({frame.numpy().tobytes() for frame in found[0]}) >= share * count


def test_steps_are_those_of_the_benchmark() -> None:
    """Its formulas, of frame i."""
    i = np.arange(31)
    np.testing.assert_allclose(amounts("motion_blur", 224), (i - 30) * 4)
    np.testing.assert_allclose(amounts("motion_blur", 32), (i[:21] - 20) * 9)
    np.testing.assert_allclose(amounts("snow", 224), 4 * i - 150)
    np.testing.assert_allclose(amounts("snow", 32), 4 * i - 150)
    np.testing.assert_allclose(amounts("brightness", 224), (i - 15) * 2 / 100, atol=1e-12)
    np.testing.assert_allclose(amounts("brightness", 32), (i - 15) * 1.5 / 100, atol=1e-12)
    np.testing.assert_allclose(amounts("translate", 224), np.arange(41) - 20)
    np.testing.assert_allclose(amounts("translate", 32), np.arange(16) - 7)
    np.testing.assert_allclose(amounts("rotate", 224), i - 15)
    np.testing.assert_allclose(amounts("tilt", 32), 0.75 * (i - 15))
    np.testing.assert_allclose(np.add(1, amounts("scale", 224)), (2.5 * i + 40) / 100)
    np.testing.assert_allclose(np.add(1, amounts("scale", 32)), (2 * i + 70) / 100)
    np.testing.assert_allclose(amounts("zoom_blur", 224), 0.004 * i)


@pytest.mark.parametrize(
    ("name", "side", "frame"),
    [
        ("gaussian_noise", 32, 0),
        ("shot_noise", 32, 0),
        ("zoom_blur", 32, 0),
        ("brightness", 32, 15),
        ("translate", 32, 7),
        ("rotate", 32, 15),
        ("scale", 32, 15),
        ("translate", 64, 20),
        ("rotate", 64, 15),
        ("scale", 64, 24),
    ],
)
def test_one_frame_is_the_image(name: str, side: int, frame: int) -> None:
    pixels = photographs(side, count=2)
    found = frames(name, pixels)
    assert torch.equal(found[:, frame], pixels)
    assert not torch.equal(found[:, frame - 1], pixels)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_frames_are_a_function_of_the_images_number_whatever_the_batch(name: str) -> None:
    pixels = photographs(32, count=5)
    together = frames(name, pixels)
    for number in range(5):
        assert torch.equal(frames(name, pixels[number, None], first=number)[0], together[number])
    threads = torch.get_num_threads()
    torch.set_num_threads(3 - min(threads, 2))
    assert torch.equal(frames(name, pixels), together)
    torch.set_num_threads(threads)
    if name in (*NOISE, "snow"):
        assert not torch.equal(frames(name, pixels, first=5), together)


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_sequences_change_little_from_frame_to_frame(name: str) -> None:
    """Neighbours are nearer to each other than the two ends are, on average and at their most."""
    found = frames(name, photographs(32))[0].float()
    steps = torch.stack([(b - a).abs().mean() for a, b in pairwise(found)])
    assert float(steps.mean()) < 0.7 * float((found[-1] - found[0]).abs().mean())


@pytest.mark.parametrize(("side", "std"), [(32, 0.02), (96, 0.03)])
def test_gaussian_noise_is_drawn_anew_for_every_frame(side: int, std: float) -> None:
    grey = torch.full((4, 3, side, side), 128, dtype=torch.uint8)
    noise = (
        frames("gaussian_noise", grey)[:, 1:].float() - 127.5
    ) / 255  # cut off, so half a level lower
    assert float(noise.std()) == pytest.approx(std, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=1e-3)
    flat = noise.flatten(2).transpose(0, 1).flatten(1)
    others = torch.corrcoef(flat) - torch.eye(30)
    assert float(others.abs().max()) < 6 / flat.shape[1] ** 0.5


@pytest.mark.parametrize(("side", "rate"), [(32, 700), (96, 300)])
def test_shot_noise_has_the_variance_of_its_rate(side: int, rate: float) -> None:
    grey = torch.full((4, 3, side, side), 128, dtype=torch.uint8)
    noise = frames("shot_noise", grey)[:, 1:].float() / 255
    expected = 128 / 255 / rate + 1 / 12 / 255**2  # and that of cutting off
    assert float(noise.var()) == pytest.approx(expected, rel=0.04)


def test_brightness_grows_from_frame_to_frame() -> None:
    means = frames("brightness", photographs(32))[0].float().mean((1, 2, 3))
    assert (means.diff() > 0).all()
    ramp = torch.full((1, 1, 16, 16), 100, dtype=torch.uint8)
    levels = frames("brightness", ramp)[0, :, 0, 0, 0].tolist()
    assert levels[15] == 100
    for frame, level in enumerate(levels):
        assert level == pytest.approx(100 + 255 * (frame - 15) * 0.015, abs=1)


def test_translate_moves_a_pixel_to_the_right_by_one_a_frame() -> None:
    dot = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    dot[0, 0, 10, 16] = 200
    found = frames("translate", dot)[0, :, 0]
    for frame in range(16):
        (place,) = found[frame].nonzero().tolist()
        assert place == [10, 16 + frame - 7]
        assert int(found[frame].max()) == 200


def test_translate_shows_what_lies_around_an_image_and_black_beyond() -> None:
    """56 px: a margin of 4 px, in which the mirror image is unless the pixels are there."""
    ramp = torch.arange(1, 57, dtype=torch.uint8).expand(1, 3, 56, 56).contiguous()
    row = frames("translate", ramp)[0, 10, 0, 0].tolist()  # by 10 px to the left
    assert row == [*range(11, 57), 55, 54, 53, 52, *[0] * 6]
    wide = torch.arange(1, 65, dtype=torch.uint8).expand(1, 3, 64, 64).contiguous()
    row = frames("translate", wide, side=56)[0, 10, 0, 0].tolist()
    assert row == [*range(15, 65), *[0] * 6]
    small = torch.arange(1, 33, dtype=torch.uint8).expand(1, 3, 32, 32).contiguous()
    row = frames("translate", small)[0, 0, 0, 0].tolist()
    assert row == [*range(8, 33), *[0] * 7]


@pytest.mark.parametrize("side", [32, 56])
@pytest.mark.parametrize("name", ["rotate", "scale"])
def test_the_view_moves_as_by_torchvision(name: str, side: int) -> None:
    """Which the benchmark was made with: `affine` of the larger image, then the centre."""
    margin = perturbation(name, side=side).margin
    assert margin == {32: 0, 56: 4}[side]
    wide = photographs(side + 2 * margin)
    image = Image.fromarray(wide[0].permute(1, 2, 0).numpy())
    found = frames(name, wide, side=side)[0]
    for frame, amount in enumerate(amounts(name, side)):
        moved = affine(
            image,
            angle=amount if name == "rotate" else 0,
            translate=[0, 0],
            scale=1 + amount if name == "scale" else 1,
            shear=[0, 0],
            interpolation=InterpolationMode.BILINEAR,
        )
        expected = np.asarray(center_crop(moved, [side, side]))
        difference = np.abs(found[frame].permute(1, 2, 0).numpy().astype(int) - expected)
        # where the place of a pixel is on the edge of the image, its last digit decides
        assert np.quantile(difference, 0.995) <= 1


@pytest.mark.parametrize(("side", "degrees"), [(32, 0.75), (56, 1.0)])
def test_tilt_is_the_benchmarks_perspective(side: int, degrees: float) -> None:
    """By OpenCV, as the benchmark; inside the image, where the two treat no edge differently."""
    cv2 = pytest.importorskip("cv2")
    wide = photographs(side + 2 * perturbation("tilt", side=side).margin)
    picture, width = wide[0].permute(1, 2, 0).numpy(), wide.shape[-1]
    found = frames("tilt", wide, side=side)[0]
    for frame in (0, 8, 15, 30):
        angle = np.deg2rad((frame - 15) * degrees)
        c, s, f = np.cos(angle), np.sin(angle), np.hypot(width, width)
        flat = np.array([[1, 0, -width / 2], [0, 1, -width / 2], [0, 0, 1], [0, 0, 1]])
        x = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])
        y = np.array([[c, 0, -s, 0], [0, 1, 0, 0], [s, 0, c, 0], [0, 0, 0, 1]])
        back = np.eye(4)
        back[2, 3] = f
        camera = np.array([[f, 0, width / 2, 0], [0, f, width / 2, 0], [0, 0, 1, 0]])
        tilted = cv2.warpPerspective(picture, camera @ back @ x @ y @ flat, (width, width))
        first = (width - side) // 2
        expected = tilted[first : first + side, first : first + side].astype(int)
        difference = np.abs(found[frame].permute(1, 2, 0).numpy() - expected)[4:-4, 4:-4]
        # OpenCV's places are multiples of 1/32 of a pixel, and it rounds where Pillow cuts off
        assert difference.mean() < 1.5
        assert np.quantile(difference, 0.99) <= 6


def test_zoom_blur_is_the_mean_of_what_was_enlarged_so_far() -> None:
    pixels = photographs(32)
    image = Image.fromarray(pixels[0].permute(1, 2, 0).numpy())
    total = np.zeros((32, 32, 3), np.int64)
    for frame in range(31):
        grown = affine(
            image,
            angle=0,
            translate=[0, 0],
            scale=1 + 0.004 * frame,
            shear=[0, 0],
            interpolation=InterpolationMode.BILINEAR,
        )
        total += np.asarray(grown)
        assert np.abs(at("zoom_blur", frame, pixels) - total // (frame + 1)).max() <= 1


def test_motion_blur_smears_a_dot_along_the_angle() -> None:
    dot = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    dot[0, 0, 16, 16] = 255
    found = frames("motion_blur", dot)[0, :, 0]
    for frame in (0, 10, 20):  # -180, -90 and 0 degrees
        expected = torch.zeros(32, 32)
        for dy, dx, weight in motion_taps(6, 1.8, (frame - 20) * 9):
            expected[16 - dy, 16 - dx] += 255 * weight
        assert torch.equal(found[frame].float(), expected.round())


def test_snow_is_the_same_flakes_under_another_angle() -> None:
    """As much of them in every frame, over black where nothing is whitened by more than a half."""
    black = torch.zeros(1, 1, 48, 48, dtype=torch.uint8)
    found = frames("snow", black)[0].float()
    whitened = int(0.15 * 0.5 * 255)
    assert int(found.min()) == whitened
    flakes = (found - whitened).sum((1, 2, 3))
    assert float(flakes.min()) > 0.85 * float(flakes.max())


def test_a_perturbation_that_is_none_and_images_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no such perturbation: rotat\. Did you mean rotate"):
        perturbation("rotat", side=32)
    with pytest.raises(ValueError, match="images of 8 px are too small for perturbations"):
        perturbation("rotate", side=8)


def test_values_say_all_that_decides_the_frames() -> None:
    how = perturbation("rotate", side=224)
    assert how == Perturbation("rotate", 224, 224, 31, 16, {"zero": 15, "step": 1})
    assert perturbation("translate", side=48).margin == 0
    assert perturbation("zoom_blur", side=224).margin == 0
