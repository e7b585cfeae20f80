"""TensorBoard for a study: a folder in which the list of runs reads like the trajectory.

`runs/studies/STUDY/tensorboard/` is generated from the run folders, may be deleted at any time, and
holds links to the runs' own event files: what a running run writes is seen at once.
"""

import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from ablations.board.changes import EVENTS, Changes
from ablations.board.events import write_events
from ablations.board.links import forget, links_to, renew_links
from ablations.board.view import mean_events, run_events, study_events
from ablations.compare.records import StudyRecord, load_study
from ablations.files.own_folders import own_folder
from ablations.process.tether import tethered
from ablations.store.runs import INDEX, STUDIES, study_path

FOLDER = "tensorboard"  # of a study
ALL = ".tensorboard"
HOST, FIRST_PORT, PORTS = "127.0.0.1", 6006, 100
REFRESH_SECONDS = 10.0
# TensorBoard ticks no run when there are more than 40: this ticks the means.
MEANS = "#custom_scalars&regexInput=mean$&_smoothingWeight=0"


def refresh(study: str, *, runs_root: Path, runs: Collection[str] | None = None) -> Path:
    """Bring the study's TensorBoard folder up to date and return it; writes only what changed.

    With `runs`, only points that have one of these runs are looked at. Raises ValueError when the
    study was never run, or a part of the folder is a link.
    """
    _renew(load_study(study, runs_root=runs_root, only=runs), runs_root, runs)
    return study_path(runs_root, study) / FOLDER


def _renew(found: StudyRecord, runs_root: Path, runs: Collection[str] | None) -> None:
    path = STUDIES, found.name, FOLDER
    folder = own_folder(runs_root, *path)
    points = [p for p in found.points if runs is None or any(r.run_id in runs for r in p.runs)]
    if runs is None or any(point.done for point in points):
        write_events(folder, "study", study_events(found))
    for run in (run for point in points for run in point.runs):
        place = folder / run.point / f"seed{run.seed}"
        links = links_to(run.folder / EVENTS, place)
        if links or run.done or place.exists():
            own_folder(runs_root, *path, run.point, place.name)
            renew_links(place, links)
            # From the start: TensorBoard lists runs by their first time, and this one is 0 for all.
            write_events(place, "hparams", run_events(found, run))
    for point in points:
        if events := mean_events(point):
            write_events(own_folder(runs_root, *path, point.label, "mean"), "mean", events)
    forget(folder, {point.label for point in found.points})


def serve(study: str | None, *, runs_root: Path, port: int | None = None) -> int:
    """Run TensorBoard on a study, or on all of them, until Ctrl-C; its exit code.

    Raises ValueError when the port is taken, or when there is nothing to show.
    """
    studies = [study] if study else _all_studies(runs_root)
    if not studies:
        raise ValueError(f"{runs_root} has no study yet; `ablate run NAME` starts one")
    changes = {name: Changes(name, runs_root) for name in studies}
    _refresh_all(changes, runs_root)
    logdir = study_path(runs_root, study) / FOLDER if study else _folder_of_all(studies, runs_root)
    chosen = free_port(port)
    command = [sys.executable, "-m", "ablations.process.tether", "tensorboard.main"]
    command += ["--logdir", str(logdir)]
    command += ["--host", HOST, "--port", str(chosen), "--reload_interval", "5"]
    url = f"http://{HOST}:{chosen}/"
    print(f"TensorBoard on {logdir}: {url} (Ctrl-C ends it)")
    print(f"means over seeds: {url}{MEANS}", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends TensorBoard, as Ctrl-C does
    with subprocess.Popen(command, env=tethered()) as process:
        return _watch(process, changes, runs_root)


def _watch(
    process: "subprocess.Popen[bytes]", changes: Mapping[str, Changes], runs_root: Path
) -> int:
    """Refresh the folders while TensorBoard runs."""
    try:
        while True:
            try:
                return process.wait(timeout=REFRESH_SECONDS)
            except subprocess.TimeoutExpired:
                _refresh_all(changes, runs_root)
    except KeyboardInterrupt:
        return 0
    finally:
        process.terminate()


def _folder_of_all(studies: list[str], runs_root: Path) -> Path:
    """A folder with a link to each study's, so that runs are named STUDY/POINT/SEED."""
    folder = own_folder(runs_root, STUDIES, ALL)
    for link in folder.iterdir():
        ours = link.is_symlink() and link.readlink() == Path("..", link.name, FOLDER)
        if ours and link.name not in studies:
            link.unlink()
    for study in studies:
        with suppress(FileExistsError):
            (folder / study).symlink_to(Path("..", study, FOLDER))
    return folder


def _refresh_all(changes: Mapping[str, Changes], runs_root: Path) -> None:
    """Refresh every study that changed; one that cannot be is named, and the others go on."""
    for study, changed in changes.items():
        try:
            runs = changed.look()
            if runs is None or runs:
                found = load_study(study, runs_root=runs_root, only=runs)
                _renew(found, runs_root, runs)
                changed.shown(found, runs)
        except (ValueError, OSError) as error:
            changed.forget()
            if len(changes) == 1 and isinstance(error, ValueError):
                raise
            print(f"TensorBoard's folder of {study} was not renewed: {error}", file=sys.stderr)


def _all_studies(runs_root: Path) -> list[str]:
    return sorted(path.parent.name for path in (runs_root / STUDIES).glob(f"*/{INDEX}"))


def free_port(wanted: int | None = None) -> int:
    """The wanted port, or the first free one from 6006 on. Raises ValueError when it is taken."""
    for port in [wanted] if wanted is not None else range(FIRST_PORT, FIRST_PORT + PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError):
                continue
            return port
    raise ValueError(
        f"port {wanted} is taken or not allowed; leave out --port to get a free one"
        if wanted is not None
        else f"ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are taken; give one with --port"
    )
