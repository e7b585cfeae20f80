"""A small JPEG encoder for the tests: any sampling factors, scans and leading tables.

Written from ITU-T T.81. Tables are those of its Annex K, as Pillow writes them at quality 75.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

Blocks = NDArray[np.int64]  # (rows, columns, 64), in zigzag order
Codes = dict[int, tuple[int, int]]  # symbol -> code, bits
SOI, EOI, SOS, DHT, DQT, SOF, DRI = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, (0xC0, 0xC1, 0xC2), 0xDD
_ORDER = sorted(np.ndindex(8, 8), key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]))
ZIGZAG = np.array([8 * row + column for row, column in _ORDER])


def segments(data: bytes) -> tuple[list[bytes], bytes]:
    """The marker segments of a JPEG up to its first scan's, and what follows."""
    found: list[bytes] = []
    place = 2
    while not found or found[-1][1] != SOS:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        found.append(data[place:end])
        place = end
    return found, data[place:]


def without(data: bytes, marker: int) -> bytes:
    """Without the segments of a marker."""
    head, rest = segments(data)
    return b"\xff\xd8" + b"".join(part for part in head if part[1] != marker) + rest


def odd_scan(data: bytes) -> bytes:
    """With the parameters of its scan all 0, as a brand of phones writes them."""
    head, rest = segments(data)
    return b"\xff\xd8" + b"".join(head[:-1]) + head[-1][:-3] + bytes(3) + rest


@dataclass(frozen=True)
class _Scan:
    components: tuple[int, ...]
    first: int  # coefficients, in zigzag order
    last: int


def encode(
    image: Image.Image,
    factors: Sequence[tuple[int, int]],
    *,
    progressive: bool = False,
    interval: int = 0,
) -> bytes:
    """A JPEG of an L, RGB (as YCbCr) or CMYK (as Adobe's inverted CMYK, or YCCK) image.

    Args:
        image: what to encode.
        factors: horizontal and vertical sampling factor of each component.
        progressive: the DC coefficients in one scan, the others in one for each component.
        interval: MCUs between restart markers; 0: none.
    """
    planes = _planes(image)
    largest = max(across for across, _ in factors), max(down for _, down in factors)
    blocks = [
        _blocks(plane, factor, largest, image.size)
        for plane, factor in zip(planes, factors, strict=True)
    ]
    head, _ = segments(_model())
    together = sum(across * down for across, down in factors) <= 10
    count = len(planes)
    scans = [_Scan(tuple(range(count)), 0, 63)]
    if not together or progressive:
        last = 0 if progressive else 63
        scans = [_Scan((number,), 0, last) for number in range(count)]
        scans = [_Scan(tuple(range(count)), 0, last)] if together else scans
        scans += [_Scan((number,), 1, 63) for number in range(count) if progressive]
    out = [b"\xff\xd8", *(_adobe() if count == 4 else ())]
    out += [part for part in head if part[1] in (DQT, DHT)]
    sides = image.height.to_bytes(2, "big") + image.width.to_bytes(2, "big")
    parts = bytes(v for n, (h, d) in enumerate(factors) for v in (n + 1, h << 4 | d, 0))
    out.append(_segment(0xC2 if progressive else 0xC0, b"\x08" + sides + bytes([count]) + parts))
    if interval:
        out.append(_segment(DRI, interval.to_bytes(2, "big")))
    for scan in scans:
        names = bytes(v for n in scan.components for v in (n + 1, 0x11 * (n > 0)))
        place = bytes([scan.first, scan.last, 0])
        out.append(_segment(SOS, bytes([len(scan.components)]) + names + place))
        units = list(_units(scan, factors, largest, blocks, image.size))
        out.append(_entropy(units, scan, interval))
    return b"".join(out) + b"\xff\xd9"


def _planes(image: Image.Image) -> list[NDArray[np.float64]]:
    if image.mode == "CMYK":
        image = Image.eval(image, lambda level: 255 - level)
    else:
        image = image.convert("YCbCr") if image.mode == "RGB" else image
    return [np.asarray(plane, np.float64) for plane in image.split()]


def _adobe() -> list[bytes]:
    return [_segment(0xEE, b"Adobe" + bytes([0, 100, 0, 0, 0, 0, 0]))]


def _blocks(
    plane: NDArray[np.float64],
    factor: tuple[int, int],
    largest: tuple[int, int],
    size: tuple[int, int],
) -> Blocks:
    """Reduced to its share of the samples, padded to whole MCUs, transformed, quantised."""
    across, down = (-(-size[axis] * factor[axis] // largest[axis]) for axis in (0, 1))
    reduced = np.asarray(
        Image.fromarray(plane.astype(np.float32)).resize((across, down), Image.Resampling.BOX)
    )
    mcus = [-(-size[axis] // (8 * largest[axis])) * factor[axis] * 8 for axis in (0, 1)]
    padded = np.pad(reduced, ((0, mcus[1] - down), (0, mcus[0] - across)), "edge") - 128
    tiles = padded.reshape(mcus[1] // 8, 8, mcus[0] // 8, 8).swapaxes(1, 2)
    levels = dctn(tiles, axes=(2, 3), norm="ortho").reshape(*tiles.shape[:2], 64)[..., ZIGZAG]
    table = np.frombuffer(next(p for p in segments(_model())[0] if p[1] == DQT)[5:69], np.uint8)
    quantised: Blocks = np.rint(levels / table).astype(np.int64)
    return quantised


def _units(
    scan: _Scan,
    factors: Sequence[tuple[int, int]],
    largest: tuple[int, int],
    blocks: Sequence[Blocks],
    size: tuple[int, int],
) -> Iterator[list[tuple[int, NDArray[np.int64]]]]:
    """The blocks of each MCU with their components."""
    if len(scan.components) == 1:  # no padding to whole MCUs: only blocks that hold samples
        number = scan.components[0]
        samples = (-(-size[axis] * factors[number][axis] // largest[axis]) for axis in (0, 1))
        columns, rows = (-(-count // 8) for count in samples)
        for row in range(rows):
            for column in range(columns):
                yield [(number, blocks[number][row, column])]
        return
    for row in range(-(-size[1] // (8 * largest[1]))):
        for column in range(-(-size[0] // (8 * largest[0]))):
            yield [
                (number, blocks[number][row * down + y, column * across + x])
                for number in scan.components
                for across, down in [factors[number]]
                for y in range(down)
                for x in range(across)
            ]


def _entropy(units: list[Any], scan: _Scan, interval: int) -> bytes:
    """Entropy-coded segments with restart markers between."""
    step = interval or len(units)
    groups = [units[start : start + step] for start in range(0, len(units), step)]
    found = [_group(group, scan) for group in groups]
    for number, _ in enumerate(found[:-1]):
        found[number] += bytes([0xFF, 0xD0 + (number & 7)])
    return b"".join(found)


def _group(units: list[Any], scan: _Scan) -> bytes:
    bits: list[str] = []
    before: dict[int, int] = {}
    for unit in units:
        for number, block in unit:
            dc, ac = (_tables()[kind << 4 | (number > 0)] for kind in (0, 1))
            if scan.first == 0:
                bits += _level(int(block[0]) - before.get(number, 0), dc, run=0)
                before[number] = int(block[0])
            if scan.last:
                bits += _coefficients(block[1:], ac)
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text or "0", 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


def _coefficients(levels: NDArray[np.int64], table: Codes) -> list[str]:
    found, place = [], 0
    for at in np.flatnonzero(levels).tolist():
        while at - place > 15:
            found.append(_bits(*table[0xF0]))
            place += 16
        found += _level(int(levels[at]), table, run=at - place)
        place = at + 1
    return found if place == 63 else [*found, _bits(*table[0])]


def _level(value: int, table: Codes, *, run: int) -> list[str]:
    size = abs(value).bit_length()
    extra = value if value > 0 else value + (1 << size) - 1
    return [_bits(*table[run << 4 | size]), _bits(extra, size)]


def _bits(value: int, count: int) -> str:
    return f"{value:0{count}b}" if count else ""


@cache
def _tables() -> dict[int, Codes]:
    """Class << 4 | number -> codes, of the standard tables."""
    found: dict[int, Codes] = {}
    for part in segments(_model())[0]:
        content = part[4:] if part[1] == DHT else b""
        while content:
            counts, code, at = content[1:17], 0, 17
            codes: Codes = {}
            for length, count in enumerate(counts, start=1):
                for symbol in content[at : at + count]:
                    codes[symbol] = code, length
                    code += 1
                at, code = at + count, code << 1
            found[content[0]] = codes
            content = content[at:]
    return found


@cache
def _model() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", quality=75)
    return file.getvalue()


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content
