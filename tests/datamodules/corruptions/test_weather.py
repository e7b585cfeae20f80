"""Snow, frost, fog, brightness and spatter against other implementations of them."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

from datamodules.corruptions import textures
from datamodules.corruptions.kinds import spatter, weather
from datamodules.corruptions.kinds.corrupt import corrupt
from datamodules.corruptions.kinds.named import NAMED
from datamodules.corruptions.names import SEVERITIES
from datamodules.corruptions.plasma import map_side, plasma
from datamodules.corruptions.severities import Severity, severity, table_of
from datamodules.sampling.image_draws import image_generators
from tests.support.corruptions import weather_pictures as other
from tests.support.images.photographs import batch_of, cuts

WEATHER = ("snow", "frost", "fog", "brightness")


def generators(name: str, level: int, count: int = 1) -> Iterator[np.random.Generator]:
    numbers = np.arange(other.INDEX, other.INDEX + count)
    return image_generators(name, level=level, seed=other.SEED, indices=numbers)


def photographs(side: int, count: int = 1) -> torch.Tensor:
    return batch_of(cuts(count, (side, side)))


def channels_last(pixels: torch.Tensor) -> NDArray[np.int64]:
    return pixels[0].permute(1, 2, 0).numpy().astype(np.int64)


@pytest.mark.parametrize("level", SEVERITIES)
@pytest.mark.parametrize("name", other.NAMES)
def test_pictures_are_those_of_another_implementation(name: str, level: int) -> None:
    """At most one grey level apart, from the same random numbers."""
    if name == "spatter" and level <= 3:
        pytest.importorskip("cv2")
    before = batch_of([Image.fromarray(other.picture())])
    how = severity(name, level, table=other.TABLE)
    after = channels_last(NAMED[name].function(before, how, generators(name, level)))
    with np.load(other.PICTURES) as pictures:
        expected = pictures[name][level - 1].astype(np.int64)
    assert np.abs(after - expected).max() <= 1
    assert np.abs(after - channels_last(before)).mean() > 1  # it does something


def diamond_square(uniform: Iterator[float], side: int, decay: float) -> NDArray[np.float64]:
    """A map point by point, as Fournier, Fussell and Carpenter (1982) describe it."""
    at = np.zeros((side, side))
    step, wibble = side, 100.0
    while step >= 2:
        half = step // 2

        def mean(*points: tuple[int, int], wibble: float = wibble) -> float:
            height = sum(float(at[y % side, x % side]) for y, x in points) / 4
            return height + wibble * next(uniform)

        whole = range(0, side, step)
        for y in whole:
            for x in whole:
                square = [(y, x), (y, x + step), (y + step, x), (y + step, x + step)]
                at[y + half, x + half] = mean(*square)
        for y in whole:
            for x in (x + half for x in whole):
                at[y, x] = mean((y - half, x), (y + half, x), (y, x - half), (y, x + half))
        for y in (y + half for y in whole):
            for x in whole:
                at[y, x] = mean((y - half, x), (y + half, x), (y, x - half), (y, x + half))
        step, wibble = half, wibble / decay
    map_: NDArray[np.float64] = (at - at.min()) / (at.max() - at.min())
    return map_


@pytest.mark.parametrize(("side", "decay"), [(2, 2.0), (8, 3.0), (32, 1.4)])
def test_plasma_is_diamond_square_point_by_point(side: int, decay: float) -> None:
    """The reference takes draws in +-wibble, as the benchmark, and scales them by wibble again."""
    drawn = np.random.default_rng(5).random(side * side - 1, dtype=np.float32) * 2.0 - 1
    wibbles = [100 / decay**k for k in range(side.bit_length() - 1) for _ in range(3 * 4**k)]
    expected = diamond_square(iter((drawn * wibbles).tolist()), side, decay)
    (found,) = plasma([np.random.default_rng(5)], side=side, decay=decay)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_plasma_goes_from_0_to_1_in_every_map() -> None:
    maps = plasma(generators("fog", 1, count=5), side=64, decay=1.75)
    assert (maps.min(axis=(1, 2)) == 0).all()
    assert (maps.max(axis=(1, 2)) == 1).all()
    assert len({one.tobytes() for one in maps}) == 5


@pytest.mark.parametrize(
    ("side", "least", "expected"),
    [(16, 32, 32), (32, 32, 32), (33, 32, 64), (48, 32, 64), (96, 64, 128), (224, 256, 256)],
)
def test_a_map_holds_the_picture_and_is_as_large_as_the_benchmarks(
    side: int, least: int, expected: int
) -> None:
    assert map_side(side, least=least) == expected


@pytest.mark.parametrize("table", [32, 64, 224])
@pytest.mark.parametrize("level", SEVERITIES)
def test_frost_is_a_sum_of_image_and_texture(table: int, level: int) -> None:
    """Textures scaled by linear interpolation between the centres of pixels, without a filter."""
    before, how = photographs(table), severity("frost", level, table=table)
    after = channels_last(weather.frost(before, how, generators("frost", level)))
    (draw,) = generators("frost", level)
    file = textures.FILES[int(draw.integers(5))]
    with Image.open(textures.FOLDER / file) as image:
        whole = np.asarray(image.convert("RGB")).astype(np.float64)
    scale = {32: 0.2, 64: 0.3, 224: 1.0}[table]
    height, width = (int(length * scale) for length in whole.shape[:2])
    top, left = int(draw.integers(height - table)), int(draw.integers(width - table))
    rows, columns = ((first + np.arange(table) + 0.5) / scale - 0.5 for first in (top, left))
    places = np.meshgrid(rows, columns, indexing="ij")
    texture = np.stack([map_coordinates(whole[..., c], places, order=1) for c in range(3)], -1)
    image_share, texture_share = how.values
    expected = np.clip(image_share * channels_last(before) + texture_share * texture, 0, 255)
    assert np.abs(after - np.floor(expected)).max() <= 1


def test_all_five_textures_are_used_alike() -> None:
    """The second and the third are the same picture, so four are seen, one twice as often."""
    numbers = np.arange(400)
    draws = image_generators("frost", level=1, seed=0, indices=numbers)
    seen = [textures.FILES[int(draw.integers(len(textures.FILES)))] for draw in draws]
    counts = {file: seen.count(file) for file in set(textures.FILES)}
    assert len(counts) == 4
    assert counts["frost2.png"] == pytest.approx(160, abs=4 * 9.8)  # binomial: 4 of its deviations
    for file in set(counts) - {"frost2.png"}:
        assert counts[file] == pytest.approx(80, abs=4 * 8)


def test_a_texture_too_small_for_an_image_is_enlarged() -> None:
    for number in range(5):
        for side in (48, 100, 128, 224):
            scale = {32: 0.2, 64: 0.3, 224: 1.0}[table_of(side)]
            assert min(textures.texture(number, scale=scale, side=side).shape[1:]) > side


def test_snow_of_one_flake_falls_along_its_angle_and_again_turned_by_180_degrees() -> None:
    flake = torch.zeros(1, 1, 15, 15)
    flake[0, 0, 7, 7] = 1
    black = torch.zeros(1, 3, 15, 15, dtype=torch.uint8)
    falling = weather.snow_falling(flake, radius=2, sigma=1.5, angles=[-90.0])
    after = weather.snowed(black, falling, kept=1.0)
    column = channels_last(after)[:, 7, 0]
    taps = np.exp(-0.5 * (np.arange(5) / 1.5) ** 2)
    taps = np.round(taps / taps.sum() * 255)
    expected = np.zeros(15)
    expected[7:12] += taps
    expected[3:8] += taps[::-1]
    np.testing.assert_array_equal(column, expected)
    assert after[:, :, :, [*range(7), *range(8, 15)]].max() == 0


def test_flakes_are_what_noise_has_above_the_threshold() -> None:
    """Without enlargement: the share of them is the normal distribution's, whole grey levels."""
    draws = generators("snow", 1, count=8)
    flakes = weather.snow_flakes(draws, mean=0.1, std=0.3, zoom=1, threshold=0.5, side=128)
    assert float((flakes > 0).float().mean()) == pytest.approx(0.0912, abs=0.004)  # 1.333 std
    assert float(flakes[flakes > 0].min()) >= 127 / 255
    levels = flakes * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("added", [-0.2, 0.1, 0.5])
def test_brightness_is_added_to_the_value_of_hsv(added: float) -> None:
    """By matplotlib's conversions, black and grey pixels among the colours."""
    from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

    before = photographs(32)
    before[:, :, 0, 0], before[:, :, 0, 1] = 0, 77
    hsv = rgb_to_hsv(channels_last(before) / 255)
    hsv[..., 2] = np.clip(hsv[..., 2] + added, 0, 1)
    expected = np.floor(hsv_to_rgb(hsv) * 255)
    assert np.abs(channels_last(weather.with_value(before, added)) - expected).max() <= 1


def test_no_brightness_added_is_no_change() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    colours = torch.cat([levels, levels.flip(2), levels.flip(3)], 1)
    assert torch.equal(weather.with_value(colours, 0.0), colours)
    assert torch.equal(weather.with_value(levels, 0.0), levels)


def test_fog_over_black_stays_black_and_over_white_loses_as_much_as_it_may_bring() -> None:
    how = Severity(1, 32, (0.5, 3.0))
    black = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    assert weather.fog(black, how, generators("fog", 1)).max() == 0
    white = torch.full_like(black, 255)
    after = weather.fog(white, how, generators("fog", 1))
    assert int(after.min()) == int(255 / 1.5)  # where there is no plasma
    assert int(after.max()) >= 254  # where there is most


def test_fog_of_the_table_for_32_px_leaves_more_of_an_image_than_that_for_224_px() -> None:
    """The signal: how strongly pixels after it vary with those before it."""
    before = photographs(32, count=12)
    assert table_of(32) == 32

    def signal(table: int) -> float:
        how = severity("fog", 5, table=table)
        after = weather.fog(before, how, generators("fog", 5, count=12))
        x, y = (one.float().flatten(1) for one in (before, after))
        x = x - x.mean(1, keepdim=True)
        return float(((x * y).sum(1) / (x * x).sum(1)).mean())

    assert signal(32) > 1.3 * signal(224)
    made = corrupt(before, name="fog", level=5, seed=other.SEED, indices=np.arange(12))
    with_32, with_224 = (
        weather.fog(
            before,
            severity("fog", 5, table=table),
            image_generators("corruptions/fog", level=5, seed=other.SEED, indices=np.arange(12)),
        )
        for table in (32, 224)
    )
    assert torch.equal(made, with_32)
    assert not torch.equal(made, with_224)


@pytest.mark.parametrize("side", [16, 28, 32, 48, 64, 100, 224])
@pytest.mark.parametrize("name", [*WEATHER, "spatter"])
def test_every_side_from_16_px_on_gets_an_image_that_is_another(name: str, side: int) -> None:
    pytest.importorskip("cv2")
    before = photographs(side, count=2)
    for level in (1, 5):
        after = corrupt(before, name=name, level=level, seed=0, indices=np.array([4, 9]))
        assert (after.shape, after.dtype) == (before.shape, torch.uint8)
        assert name == "spatter" or not torch.equal(after, before)


@pytest.mark.parametrize("name", ["snow", "fog", "brightness"])
def test_one_channel_is_what_three_equal_ones_become(name: str) -> None:
    grey = photographs(28, count=3)[:, :1].contiguous()
    arguments = {"name": name, "level": 3, "seed": 1, "indices": np.arange(3)}
    one = corrupt(grey, **arguments)  # type: ignore[arg-type]
    three = corrupt(grey.repeat(1, 3, 1, 1), **arguments)  # type: ignore[arg-type]
    assert int((one.int() - three.int()).abs().max()) <= 1
    assert not torch.equal(one, grey)


@pytest.mark.parametrize("name", ["frost", "spatter"])
def test_one_channel_is_the_luma_of_coloured_weather(name: str) -> None:
    grey = photographs(28, count=3)[:, :1].contiguous()
    arguments = {"name": name, "level": 5, "seed": 1, "indices": np.arange(3)}
    one = corrupt(grey, **arguments)  # type: ignore[arg-type]
    three = corrupt(grey.repeat(1, 3, 1, 1), **arguments)  # type: ignore[arg-type]
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    expected = (three.float() * weights).sum(1, keepdim=True)
    assert float((one.float() - expected).abs().max()) <= 0.51


def test_spatter_without_a_drop_changes_nothing() -> None:
    """The benchmark divides 0 by 0 there."""
    pytest.importorskip("cv2")
    before = photographs(32)
    dry = Severity(1, 32, (0.1, 0.01, 1.0, 0.7, 0.5, 0))
    assert torch.equal(spatter.spatter(before, dry, generators("spatter", 1)), before)


def test_water_needs_opencv_and_mud_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spatter, "find_spec", lambda name: None)
    before = photographs(32)
    arguments = {"name": "spatter", "seed": 0, "indices": np.arange(1)}
    corrupt(before, level=4, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^spatter at severities 1 to 3 needs OpenCV: pip "):
        corrupt(before, level=3, **arguments)  # type: ignore[arg-type]


# Change of a photograph in grey levels, severities 1, 3 and 5 at 224 px: mean and standard
# deviation of 24 draws (`np.random.seed` of 0 to 23) by imagecorruptions-imaug 1.1.5.
CHANGES = {
    "snow": ((34.84, 0.26), (46.36, 0.60), (55.82, 0.39)),
    "fog": ((49.98, 8.60), (59.83, 11.23), (62.49, 9.66)),
    "spatter": ((0.62, 0.27), (5.89, 0.36), (25.17, 1.07)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_draws_change_a_photograph_as_much_as_those_of_another_implementation(name: str) -> None:
    """Means of 12 draws and of 24, four standard errors of their difference apart at most."""
    pytest.importorskip("cv2")
    before = photographs(224)
    for level, (mean, std) in zip((1, 3, 5), CHANGES[name], strict=True):
        how = severity(name, level, table=224)
        draws = generators(name, level, count=12)
        after = NAMED[name].function(before.repeat(12, 1, 1, 1), how, draws)
        change = float((after.float() - before.float()).abs().mean())
        assert change == pytest.approx(mean, abs=4 * std * (1 / 12 + 1 / 24) ** 0.5)
