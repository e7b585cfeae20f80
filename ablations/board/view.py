"""What TensorBoard shows of a study besides the runs' scalars: means over seeds, HParams, charts.

07_kernel_size/seed0    the run's own events, and its HParams once it is finished
07_kernel_size/mean     mean/val/top1, mean_lower/val/top1, mean_upper/val/top1, ... by epoch
.                       the columns of the HParams table and the custom-scalars charts
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ablations.board.events import band_chart, columns, layout, line_chart, scalar, session
from ablations.compare.records import PointRecord, RunRecord, StudyRecord
from ablations.statistics.paired import sample
from lit_models.training.metrics import (
    EPOCH,
    EPOCHS,
    GMACS,
    IMAGES_PER_S,
    PARAMS,
    SECONDS,
    TEST_EMA_TOP1,
    TEST_LOSS,
    TEST_TOP1,
    TRAIN_LOSS,
    TRAIN_SECONDS,
    VAL_LOSS,
    VAL_SECONDS,
    VAL_TOP1,
)

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

# Final metrics of a run, by their tag; cost has a group of its own, below the curves.
FINAL: Mapping[str, str] = {
    TEST_TOP1: TEST_TOP1,
    TEST_EMA_TOP1: TEST_EMA_TOP1,
    TEST_LOSS: TEST_LOSS,
    f"run/{IMAGES_PER_S}": IMAGES_PER_S,
    f"run/{TRAIN_SECONDS}": TRAIN_SECONDS,
}
NETWORK = (PARAMS, GMACS)
MEAN, LOWER, UPPER = "mean", "mean_lower", "mean_upper"
CHARTS: Mapping[str, str] = {
    VAL_TOP1: "validation top-1 (%)",
    VAL_LOSS: "validation loss",
    TRAIN_LOSS: "training loss",
}


def run_events(study: StudyRecord, run: RunRecord) -> "list[Event]":
    """HParams and final metrics of a finished run; nothing before."""
    if not run.done or run.summary is None:
        return []
    summary = run.summary
    hparams: dict[str, Any] = {"point": run.point, "seed": run.seed}
    hparams |= {name: summary[name] for name in NETWORK if name in summary}
    hparams |= study.design.hparams(study.point_of(run), study.points)
    step, end = int(summary.get(EPOCHS, 0)), float(summary.get(TRAIN_SECONDS, 0.0))
    finals = [
        scalar(tag, float(summary[name]), step=step, wall_time=end)
        for tag, name in FINAL.items()
        if name in summary
    ]
    return [*session(f"{run.point}/seed{run.seed}", hparams, start=0.0, end=end), *finals]


def mean_events(point: PointRecord) -> "list[Event]":
    """Mean over the seeds that have an epoch, and mean ± one standard deviation.

    With two seeds or more only epochs that two have count: TensorBoard draws no band when mean and
    band have different steps. A run that failed does not count. Wall time is the mean training and
    validation time so far, so that TensorBoard's relative time axis has a meaning.
    """
    curves = [{int(row[EPOCH]): row for row in run.metrics} for run in _counted(point)]
    events, seconds = [], 0.0
    for epoch in sorted(set().union(*curves)):
        rows = [curve[epoch] for curve in curves if epoch in curve]
        if len(rows) < min(len(curves), 2):
            break
        seconds += sum(row.get(SECONDS, 0.0) + row.get(VAL_SECONDS, 0.0) for row in rows) / len(
            rows
        )
        for name in (name for name in rows[0] if "/" in name):
            summary = sample([row[name] for row in rows if name in row])
            events += [
                scalar(f"{kind}/{name}", value, step=epoch, wall_time=seconds)
                for kind, value in _band(summary.mean, summary.std).items()
            ]
    return events


def study_events(study: StudyRecord) -> "list[Event]":
    """The HParams columns and the custom-scalars layout."""
    known = {name for run in study.runs if run.summary for name in run.summary}
    metrics = [tag for tag, name in FINAL.items() if name in known]
    lines = [line_chart(words, f"{MEAN}/{name}") for name, words in CHARTS.items()]
    bands = [
        band_chart(words, value=f"{MEAN}/{name}", lower=f"{LOWER}/{name}", upper=f"{UPPER}/{name}")
        for name, words in reversed(
            tuple(CHARTS.items())
        )  # TensorBoard shows band charts last first
    ]
    groups = {
        f"{study.name}: mean over seeds": lines,
        f"{study.name}: mean and ± 1 std over seeds": bands,
    }
    hparams = study.design.hparams(study.points[0], study.points)
    toggles = tuple(name for name, value in hparams.items() if isinstance(value, bool))
    others = ("point", "seed", *NETWORK, *(name for name in hparams if name not in toggles))
    return [
        columns(toggles, others, metrics or [TEST_TOP1]),
        layout(groups),
    ]


def _counted(point: PointRecord) -> list[RunRecord]:
    return [run for run in point.runs if run.metrics and run.state != "failed"]


def _band(mean: float | None, std: float | None) -> dict[str, float]:
    if mean is None:
        return {}
    return {MEAN: mean} if std is None else {MEAN: mean, LOWER: mean - std, UPPER: mean + std}
