"""TensorBoard events of one run: every number twice, by epoch and by images seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from ablations.files.own_folders import own_folder
from lit_models.training.metrics import EPOCH, IMAGES_SEEN

Row = Mapping[str, float]  # one row of metrics.csv


class EpochEvents:
    """Writes metrics.csv as scalars: `val/top1` by epoch, `images_seen/val/top1` by images.

    The files are written anew from the rows at every start, so that no point is there twice or
    missing. (The readers' rule for what a resumed run repeats, to drop all steps from the first
    repeated one, cannot hold for two x axes at once.) Raises ValueError when the folder is a link.
    """

    def __init__(self, folder: Path, rows: Sequence[Row], times: Sequence[float]) -> None:
        own_folder(folder.parent, folder.name)
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        # purge_step tells a TensorBoard that is reading the old files to forget their points
        self._writer = SummaryWriter(str(folder), purge_step=0)
        for row, time in zip(rows, times, strict=True):
            self._add(row, time)
        self._writer.flush()

    def add(self, row: Row, time: float) -> None:
        """Write one epoch; `time` is in seconds since 1970."""
        self._add(row, time)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

    def _add(self, row: Row, time: float) -> None:
        for name, value in row.items():
            if name in (EPOCH, IMAGES_SEEN):
                continue
            self._writer.add_scalar(name, value, int(row[EPOCH]), walltime=time)
            self._writer.add_scalar(
                f"{IMAGES_SEEN}/{name}", value, int(row[IMAGES_SEEN]), walltime=time
            )
