"""predictions.npz: small, written whole, and no damage to it is taken for a result."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations.store.image_predictions import read_image_predictions
from ablations.store.runs import IMAGE_PREDICTIONS, PREDICTIONS
from tests.support.image_predictions import made_up_predictions, write_predictions

NAMES = tuple(f"class {number}" for number in range(10))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    write_predictions(folder, made_up_predictions(images=100))
    return folder


@pytest.mark.parametrize(("classes", "dtype"), [(10, "u1"), (256, "u1"), (257, "u2")])
def test_what_was_written_is_read(tmp_path: Path, classes: int, dtype: str) -> None:
    written = made_up_predictions(classes=classes, images=500)
    write_predictions(tmp_path, written)
    found = read_image_predictions(tmp_path)
    assert found is not None
    for name in ("classes", "labels", "confidence", "right"):
        assert np.array_equal(getattr(found, name), getattr(written, name)), name
    assert found.class_names == written.class_names
    assert found.classes.dtype == found.labels.dtype == np.dtype(dtype)


def test_ten_thousand_images_are_a_small_file_and_the_same_one_again(tmp_path: Path) -> None:
    write_predictions(tmp_path, made_up_predictions())
    content = (tmp_path / IMAGE_PREDICTIONS).read_bytes()
    assert len(content) < 40_000
    write_predictions(tmp_path, made_up_predictions())
    assert (tmp_path / IMAGE_PREDICTIONS).read_bytes() == content
    assert {path.name for path in tmp_path.iterdir()} == {IMAGE_PREDICTIONS, PREDICTIONS}


def test_an_older_run_kept_none(run: Path) -> None:
    (run / IMAGE_PREDICTIONS).unlink()
    assert read_image_predictions(run) is None
    (run / PREDICTIONS).unlink()
    assert read_image_predictions(run) is None


def test_a_class_name_is_one_line(run: Path) -> None:
    write_predictions(
        run, replace(made_up_predictions(images=100), class_names=("a\x1b[31m\nb", *NAMES[1:]))
    )
    found = read_image_predictions(run)
    assert found is not None
    assert found.class_names[0] == "a [31m b"


def rewritten(**changes: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """The file with some of its arrays otherwise."""

    def rewrite(content: bytes) -> bytes:
        with np.load(BytesIO(content)) as found:
            arrays: Mapping[str, Any] = dict(found)
        buffer = BytesIO()
        new = {name: changes.get(name, lambda same: same)(a) for name, a in arrays.items()}
        np.savez_compressed(buffer, **{name: a for name, a in new.items() if a is not None})
        return buffer.getvalue()

    return rewrite


DAMAGED: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda content: b"", "not a zip file"),
    "cut off": (lambda content: content[:-40], "not a zip file"),
    "a byte": (lambda content: content[:150] + b"\0\0\0" + content[153:], ""),
    "text": (lambda content: b'{"images": 100}', "not a zip file"),
    "pickled": (rewritten(classes=lambda a: a.astype(object)), "allow_pickle=False"),
    "an array less": (rewritten(labels=lambda a: None), "labels"),
    "an image less": (rewritten(classes=lambda a: a[:-1]), r"\(99,\), expected unsigned .*100"),
    "other order": (rewritten(classes=lambda a: np.roll(a, 1)), "not those of predictions.json"),
    "other labels": (rewritten(labels=lambda a: np.roll(a, 1)), "images are right, expected"),
    "signed": (rewritten(labels=lambda a: a.astype(np.int64)), "labels is int64"),
    "no class": (rewritten(labels=lambda a: a + np.uint8(9)), "goes up to 1., but there are 10"),
    "doubles": (rewritten(confidence=lambda a: a.astype(float)), "confidence is no float16"),
    "above 1": (rewritten(confidence=lambda a: a + np.float16(1)), "confidence is no float16"),
    "no number": (rewritten(confidence=lambda a: a * np.nan), "confidence is no float16"),
    "no names": (rewritten(class_names=lambda a: a[:0]), "class_names is"),
    "numbers": (rewritten(class_names=lambda a: np.arange(10)), "class_names is int64"),
    "a bomb": (rewritten(class_names=lambda a: a.astype("U2000000")), "unpacks to"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_named(run: Path, kind: str) -> None:
    damage, words = DAMAGED[kind]
    path = run / IMAGE_PREDICTIONS
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{path} cannot be read: .*{words}.*`ablate run` again"):
        read_image_predictions(run)


def test_it_is_not_read_without_what_was_written_with_it(run: Path) -> None:
    (run / PREDICTIONS).unlink()
    with pytest.raises(ValueError, match=r"lies without the predictions\.json"):
        read_image_predictions(run)


def test_a_link_is_not_followed(run: Path) -> None:
    path = run / IMAGE_PREDICTIONS
    path.rename(run / "mine")
    path.symlink_to(run / "mine")
    with pytest.raises(ValueError, match="it is a link"):
        read_image_predictions(run)
