"""One run from its config.json to its summary: what happens inside a worker process."""

import errno
from contextlib import suppress
from pathlib import Path

from ablations.run.checkpoint import keep_last_alone
from ablations.run.devices import Devices, resolve_devices
from ablations.run.interruption import Interruption, RunInterrupted, interruptible
from ablations.run.recorder import CHECKPOINT, RunRecorder, require_finite, require_finite_weights
from ablations.run.run_config import RunConfig, planned_data, read_run_config
from ablations.run.session import assemble, own_environment, quiet
from ablations.run.status import StatusFile
from ablations.run.summary import summarise
from ablations.store.heartbeat import Heartbeat
from ablations.store.image_predictions import write_image_predictions
from ablations.store.lock import hold
from ablations.store.provenance import write_session
from ablations.store.runs import LOCK, PREDICTIONS, SUMMARY, RunFolder, write_json_atomic
from datamodules.catalog.resolved import Data, describe_reading
from lit_models.weights.tensor_files import first_line

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)


def train_run(folder: Path) -> None:
    """Train the run of a folder to its end, going on from its checkpoint when there is one.

    Does nothing when the run is over. Started again by Lightning as another rank of a DDP run, it
    trains along and writes nothing. Afterwards status.json says done, interrupted or failed.

    Raises:
        ValueError: the config, the devices, the data or the checkpoint cannot be used.
        ablations.store.lock.BusyError: another process trains this run.
        RunInterrupted: SIGINT or SIGTERM came; the last epoch's checkpoint is there.
        OSError: the folder cannot be written, or the disk is full; earlier files are whole.
    """
    run = RunFolder(folder)
    config = read_run_config(run)
    data, recipe = planned_data(run, config), config.recipe
    devices = resolve_devices(
        config.hardware, precision=recipe.precision, sync_batch_norm=recipe.sync_batch_norm
    )
    follower = devices.rank > 0
    with interruptible(follower=follower) as interruption, quiet(), own_environment():
        if follower:
            status = StatusFile(run, epochs=recipe.epochs)
            _train(run, config, devices, status, interruption, data=data)
            return
        try:
            with hold(folder / LOCK):
                if not _is_over(run):
                    _lead(run, config, devices, interruption, data=data)
        except OSError as error:
            raise _named(error, folder) from error


def _lead(
    run: RunFolder, config: RunConfig, devices: Devices, interruption: Interruption, *, data: Data
) -> None:
    status = StatusFile(run, epochs=config.recipe.epochs)
    with suppress(ValueError):  # a damaged file is rewritten from the checkpoint
        status.rows = run.metrics()
    status.write("running")
    Heartbeat(run.path).beat()
    reading = describe_reading(data)
    write_session(
        run, seed=config.seed, device=devices.kind, devices=devices.count, reading=reading
    )
    try:
        _train(run, config, devices, status, interruption, data=data)
    except RunInterrupted as stop:
        status.write("interrupted", str(stop))
        raise
    except BaseException as error:
        named = _named(error, run.path) if isinstance(error, OSError) else error
        with suppress(OSError):  # the disk may be what failed
            status.write("failed", f"{type(named).__name__}: {first_line(named)}")
        raise
    status.write("done")


def _train(
    run: RunFolder,
    config: RunConfig,
    devices: Devices,
    status: StatusFile,
    interruption: Interruption,
    *,
    data: Data,
) -> None:
    session = assemble(run, config, devices, RunRecorder(run, status, interruption), data=data)
    session.fit()
    tested = session.test()
    if devices.rank == 0:
        epochs = f"after {config.recipe.epochs} epochs"
        require_finite_weights(session.module, when=epochs)  # of a checkpoint with no epoch left
        require_finite(tested, when=epochs)
        predicted = session.predictions
        write_image_predictions(run.path, predicted.images(session.data.class_names))
        write_json_atomic(run.path / PREDICTIONS, predicted.summary())
        keep_last_alone(run.path / CHECKPOINT)
        write_json_atomic(run.path / SUMMARY, summarise(session, tested))


def _is_over(run: RunFolder) -> bool:
    try:
        status = run.status()
        return status is not None and status["state"] == "done" and run.summary() is not None
    except ValueError:  # damaged: test again and write it anew
        return False


def _named(error: OSError, folder: Path) -> OSError:
    """The same error with the path in it, if it says that something could not be written."""
    if error.errno not in _UNWRITABLE:
        return error
    return OSError(error.errno, f"cannot write: {error.strerror}", str(error.filename or folder))
