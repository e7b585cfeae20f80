"""Whether a JPEG has lost pixels: Pillow decodes such files without an error."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from datamodules.decoding import native

_SOF, _ARITHMETIC = (0xC0, 0xC1, 0xC2), (0xC9, 0xCA)
_DHT, _SOS, _DRI, _EOI = 0xC4, 0xDA, 0xDD, 0xD9
# No byte of it is 0xFF, and it decodes to something else than the zeros that stand for lost bits.
_PADDING = bytes(1 + (37 * number) % 251 for number in range(64))
_LOST = native.PROBLEMS[1]


def damage(content: bytes) -> str | None:
    """Why no reader should use a JPEG that Pillow decodes, or None.

    Damage is what libjpeg warns of and loses pixels by: data that end too soon, lost restart
    markers, codes of no table. Odd headers and bytes between markers are none. Of a few bytes that
    are lost or changed a decoder often notices nothing: only a checksum does.

    The compiled decoder knows. Without it Pillow decodes the file again with more data at the end
    of each segment: they change pixels only where data were missing. A code that no table has is
    then not noticed.

    Raises:
        MemoryError: there is not enough for it.
    """
    if native.library() is not None:
        return native.damage(content)
    try:
        padded = b"".join(_padded(content))
    except _LostMarkerError:
        return _LOST
    same = padded == content or np.array_equal(_pixels(content), _pixels(padded))
    return None if same else _LOST


def has_huffman_tables(content: bytes) -> bool:
    """Whether it has tables of its own. Frames of cameras may leave out the standard ones."""
    return any(marker == _DHT for marker, _, _ in _segments(content))


def with_huffman_tables(content: bytes) -> bytes:
    """The same image with the standard tables in front of its scan, if it has none."""
    if has_huffman_tables(content):
        return content
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")  # Pillow writes the standard ones
    written = file.getvalue()
    tables = [written[a:b] for marker, a, b in _segments(written) if marker == _DHT]
    start = next(a for marker, a, _ in _segments(content) if marker == _SOS)
    return content[:start] + b"".join(tables) + content[start:]


class _LostMarkerError(Exception):
    pass


@dataclass
class _Frame:
    """What the headers have said so far."""

    size: tuple[int, int] = (0, 0)
    interval: int = 0
    factors: dict[int, tuple[int, int]] = field(default_factory=dict)

    def units(self, components: Sequence[int]) -> int:
        """MCUs of a scan of these components."""
        largest = [max(factor[axis] for factor in self.factors.values()) for axis in (0, 1)]
        sides = []
        for axis in (0, 1):
            side, step = self.size[axis], 8 * largest[axis]
            if len(components) == 1:
                factor = self.factors[components[0]][axis]
                side, step = -(-side * factor // largest[axis]), 8
            sides.append(-(-side // step))
        return sides[0] * sides[1]


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to that of the first scan."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # a byte of padding
            place += 1
            continue
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        yield marker, place, end
        if marker == _SOS:
            return
        place = end


def _padded(content: bytes) -> Iterator[bytes]:
    """The file with padding at the end of each entropy-coded segment."""
    frame, place = _Frame(), 2
    yield content[:2]
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != _EOI:
        marker, start = content[place + 1], place
        place += 1 if marker == 0xFF else 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        segment = content[start:place]
        yield segment
        if marker in _SOF:
            _read_frame(frame, segment)
        elif marker == _DRI:
            frame.interval = int.from_bytes(segment[4:6], "big")
        elif marker == _SOS:
            names = segment[5 : 5 + 2 * segment[4] : 2]
            place, parts = _scan(content, place, frame, names)
            yield from parts
        elif marker in _ARITHMETIC:  # its data may end before its pixels
            break
    yield content[place:]


def _read_frame(frame: _Frame, segment: bytes) -> None:
    height, width = (int.from_bytes(segment[a : a + 2], "big") for a in (5, 7))
    frame.size = width, height
    for at in range(10, 10 + 3 * segment[9], 3):
        frame.factors[segment[at]] = segment[at + 1] >> 4, segment[at + 1] & 15


def _scan(
    content: bytes, place: int, frame: _Frame, components: Sequence[int]
) -> tuple[int, list[bytes]]:
    """Where the scan ends, and its segments, each with padding behind."""
    parts: list[bytes] = []
    start, number = place, 0
    while True:
        place = content.find(b"\xff", place)
        marker = content[place + 1] if 0 <= place < len(content) - 1 else None
        if marker is None:  # without an end
            return len(content), [*parts, content[start:]]
        if marker == 0:
            place += 2
        elif marker == 0xFF:
            place += 1
        else:
            parts.append(content[start:place] + _PADDING)
            if not 0xD0 <= marker <= 0xD7:
                break
            if marker != 0xD0 + number % 8:
                raise _LostMarkerError
            number += 1
            start = place
            place += 2
    if frame.interval and number != -(-frame.units(components) // frame.interval) - 1:
        raise _LostMarkerError
    return place, parts


def _pixels(content: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)
