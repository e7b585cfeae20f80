"""What a report says about the data: its name, its sizes, and whether its classes are balanced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablations.compare.records import StudyRecord
from lit_models.training.metrics import CLASSES, TEST_CLASS_IMAGES, TEST_IMAGES, TRAIN_IMAGES

# Largest over smallest class of the test split from which on top-1 needs company.
UNBALANCED = 1.5


def data_title(study: StudyRecord) -> str:
    """The data set's name for people; of a person's own folder with its classes and images."""
    from datamodules.catalog.catalog import DATASETS

    config = study.config
    data: Mapping[str, Any] = config.get("data", {})
    name = str(data.get("name", "no data"))
    info = DATASETS.get(name)
    if info is None or not info.own:
        return study.data_title or (info.title.partition(",")[0] if info else name)
    folder = Path(str(config.get("folder") or data.get("folder") or name)).name
    return (study.data_title or folder) + _sizes(_measured(study))


def test_images(study: StudyRecord) -> int | None:
    """Images of the test split; None where no run has said."""
    from datamodules.catalog.catalog import DATASETS

    counted = _measured(study).get(TEST_IMAGES)
    if counted is not None:
        return int(counted)
    data = study.config.get("data", {})
    info = DATASETS.get(str(data.get("name")))
    if info is None or info.sizes is None:
        return None
    return min(info.sizes[1], data.get("test_limit") or info.sizes[1])


def is_unbalanced(summary: Mapping[str, Any]) -> bool:
    """Whether the classes of a run's test split differ so much that top-1 alone misleads."""
    least, most = (summary.get(key) for key in TEST_CLASS_IMAGES)
    if least is None or most is None or TEST_IMAGES not in summary:
        return False
    return bool(most >= UNBALANCED * least)


def data_sentences(study: StudyRecord) -> tuple[str, ...]:
    """How test was held out of a folder without a split, and what unbalanced classes mean."""
    found, sentences = _measured(study), []
    fraction = study.config.get("data", {}).get("test_fraction")
    if fraction is not None:
        sentences.append(
            f"The folder has no split of its own: a fixed {100 * fraction:g} %, the same share of "
            "every class, is test (data.test_fraction)."
        )
    if is_unbalanced(found):
        least, most = (found[key] for key in TEST_CLASS_IMAGES)
        sentences.append(
            f"The classes of the test split have {least:,} to {most:,} images: to name the largest "
            f"always is {100 * most / found[TEST_IMAGES]:.2f} % top-1. Balanced accuracy is the "
            "mean over the classes of the share of a class that is right."
        )
    return tuple(sentences)


def _sizes(found: Mapping[str, Any]) -> str:
    if not {CLASSES, TRAIN_IMAGES, TEST_IMAGES} <= found.keys():
        return ""
    return (
        f" ({found[CLASSES]:,} classes, {found[TRAIN_IMAGES]:,} training and "
        f"{found[TEST_IMAGES]:,} test images)"
    )


def _measured(study: StudyRecord) -> Mapping[str, Any]:
    """The summary of the first finished run; empty before there is one."""
    return next((run.summary for run in study.runs if run.done and run.summary), {})
