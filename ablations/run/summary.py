"""summary.json: the numbers of a run that is over."""

import resource
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ablations.planning.cost import Setting
from ablations.planning.counts import count_specs
from ablations.run.session import Session
from ablations.run.status import Row
from ablations.store.runs import root_of
from lit_models.training.metrics import (
    CLASSES,
    EPOCHS,
    FIT_SECONDS,
    GMACS,
    IMAGES_PER_S,
    IMAGES_SEEN,
    PARAMS,
    PEAK_MEMORY_MB,
    SECONDS,
    TEST_CLASS_IMAGES,
    TEST_IMAGES,
    TEST_RIGHT,
    TEST_TOP1,
    TRAIN_IMAGES,
    TRAIN_SECONDS,
    VAL_IMAGES,
    VAL_SECONDS,
)


def summarise(session: Session, tested: Mapping[str, float]) -> dict[str, Any]:
    """Test metrics, the last epoch's other metrics, speed, memory and complexity.

    Top-1 on the test split is 100 x right / images to the last digit, which single precision is
    not.
    """
    rows = session.recorder.rows
    last = {name: value for name, value in rows[-1].items() if "/" in name}
    data, spec = session.data, session.module.spec
    setting = Setting(data.image_size, data.num_classes, data.in_chans)
    # the launcher has counted it before the run started, and remembered it there
    cost = count_specs([spec], setting, runs_root=root_of(session.run.path))[spec]
    right = session.predictions.right
    counts = {TEST_IMAGES: len(right), TEST_RIGHT: int(right.sum())}
    sizes = data.sizes
    counts |= {CLASSES: sizes.classes, TRAIN_IMAGES: sizes.train, VAL_IMAGES: sizes.val}
    counts |= dict(zip(TEST_CLASS_IMAGES, data.test_class_images, strict=True))
    exact = 100 * counts[TEST_RIGHT] / counts[TEST_IMAGES]
    assert abs(exact - tested[TEST_TOP1]) < 1e-3
    return {
        **tested,
        TEST_TOP1: exact,
        **last,
        **counts,
        IMAGES_PER_S: round(images_per_s(rows), 1),
        PEAK_MEMORY_MB: round(peak_memory_mb(session.devices.kind), 1),
        TRAIN_SECONDS: round(sum(row[SECONDS] for row in rows), 3),
        FIT_SECONDS: round(sum(row[SECONDS] + row[VAL_SECONDS] for row in rows), 3),
        EPOCHS: len(rows),
        PARAMS: cost.params,
        GMACS: cost.gmacs,
    }


def images_per_s(rows: Sequence[Row]) -> float:
    """Training throughput over all devices: the median epoch, validation not counted.

    The median, since the first epoch also compiles, allocates and chooses kernels.
    """
    seen = [0.0, *(row[IMAGES_SEEN] for row in rows)]
    return statistics.median(
        (seen[index + 1] - seen[index]) / row[SECONDS] for index, row in enumerate(rows)
    )


def peak_memory_mb(kind: str) -> float:
    """Largest memory so far in MiB: allocated on the CUDA device, else resident in the process.

    A process that trained several runs has one peak for all of them on a CPU.
    """
    if kind == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
