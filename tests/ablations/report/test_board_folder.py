"""TensorBoard's folder as it is renewed, moved and served."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ablations.board import server
from ablations.board.changes import Changes
from ablations.board.events import scalar, write_events
from ablations.compare.records import RunRecord, load_study
from ablations.store.lock import hold
from ablations.store.runs import RunFolder, write_json_atomic
from lit_models import TRAJECTORIES
from tests.support.event_files import by_step, read
from tests.support.fabricate import Made, cumulative, fabricate_study, made_up_top1

NANO = TRAJECTORIES["convnext_nano"]
SHORT: list[Made] = cumulative(NANO, alternatives=False)[:3]


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its inode and time of change; links are not followed."""
    stats = {str(p.relative_to(folder)): p.lstat() for p in folder.rglob("*") if not p.is_dir()}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def test_what_a_running_run_appends_is_seen_without_a_refresh(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, states={("00_start", 0): "interrupted"})
    folder = server.refresh("made_up", runs_root=tmp_path) / "00_start" / "seed0"
    before = by_step(read(folder), "val/top1")
    run = load_study("made_up", runs_root=tmp_path).runs[0]
    event = scalar("val/top1", 42.0, step=9, wall_time=0.0)
    source = write_events(run.folder / "tensorboard", "more", [event])
    assert source
    (events,) = (run.folder / "tensorboard").glob("*made-up")
    (more,) = (run.folder / "tensorboard").glob("*more*")
    with events.open("ab") as file:
        file.write(more.read_bytes())
    assert by_step(read(folder), "val/top1") == {**before, 9: 42.0}


def test_all_studies_stand_side_by_side(tmp_path: Path) -> None:
    for study in ("one", "two"):
        fabricate_study(tmp_path, study=study, points=SHORT)
        server.refresh(study, runs_root=tmp_path)
    server._folder_of_all(["one", "gone"], tmp_path)
    folder = server._folder_of_all(["one", "two"], tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]
    assert len(by_step(read(folder / "two" / "00_start" / "seed0"), "val/top1")) == 4


def test_refresh_twice_writes_nothing_new(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT)
    folder = server.refresh("made_up", runs_root=tmp_path)
    before = snapshot(folder)
    server.refresh("made_up", runs_root=tmp_path)
    assert snapshot(folder) == before


def test_a_new_epoch_changes_its_mean_only(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, states={("01_stage_ratio", 1): "interrupted"})
    folder = server.refresh("made_up", runs_root=tmp_path)
    before = snapshot(folder)
    run = load_study("made_up", runs_root=tmp_path).points[1].runs[1]
    with (run.folder / "metrics.csv").open("a") as file:
        file.write("3,1920,0.001,1.5,0.5,0.5,99,99\n")
    server.refresh("made_up", runs_root=tmp_path)
    after = snapshot(folder)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {str(Path(name).parent) for name in changed} == {"01_stage_ratio/mean"}
    assert len([name for name in after if name.startswith("01_stage_ratio/mean")]) == 1
    others = [made_up_top1(1, seed) * 3 / 4 for seed in (0, 2)]
    found = by_step(read(folder / "01_stage_ratio" / "mean"), "mean/val/top1")
    assert found[3] == pytest.approx((99 + sum(others)) / 3, rel=1e-6)


def test_only_the_points_of_runs_that_ended_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = {("01_stage_ratio", 1): "interrupted", ("02_patchify_stem", 0): "interrupted"}
    fabricate_study(tmp_path, points=SHORT, states=states)
    folder = server.refresh("made_up", runs_root=tmp_path)
    before, ended, waiting = snapshot(folder), *changed_runs(tmp_path)
    read_folders: list[str] = []
    real = RunFolder.whole_config

    def whole_config(run: RunFolder) -> dict[str, Any]:
        read_folders.append(run.path.name)
        return real(run)

    monkeypatch.setattr(RunFolder, "whole_config", whole_config)
    server.refresh("made_up", runs_root=tmp_path, runs={ended.run_id})
    assert places(before, snapshot(folder)) == {"01_stage_ratio/mean"}
    assert len(read_folders) == 3
    assert waiting.run_id not in read_folders
    server.refresh("made_up", runs_root=tmp_path)
    assert places(before, snapshot(folder)) == {"01_stage_ratio/mean", "02_patchify_stem/mean"}


def changed_runs(root: Path) -> tuple[RunRecord, RunRecord]:
    """Two interrupted runs of a study, each with an epoch more."""
    one, other = (run for run in load_study("made_up", runs_root=root).runs if not run.done)
    for run in (one, other):
        with (run.folder / "metrics.csv").open("a") as file:
            file.write("3,1920,0.001,1.5,0.5,0.5,99,99\n")
    return one, other


def places(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> set[str]:
    """The folders whose files have changed."""
    names = before.keys() | after.keys()
    return {str(Path(name).parent) for name in names if before.get(name) != after.get(name)}


def test_a_board_that_watches_looks_at_what_was_touched(tmp_path: Path) -> None:
    study = fabricate_study(tmp_path, points=SHORT, states={("01_stage_ratio", 1): "interrupted"})
    changes = Changes("made_up", tmp_path)
    assert changes.look() is None
    assert changes.look() == set()
    (run,) = (run for run in load_study("made_up", runs_root=tmp_path).runs if not run.done)
    write_json_atomic(run.folder / "status.json", {"state": "running"})
    assert changes.look() == {run.run_id}
    with hold(run.folder / "lock"):
        changes.shown(load_study("made_up", runs_root=tmp_path), {run.run_id})
    assert changes.look() == {run.run_id}  # it runs: it may die without a word
    changes.shown(load_study("made_up", runs_root=tmp_path), {run.run_id})
    assert changes.look() == set()
    changes.forget()
    assert changes.look() is None
    (study / "index.json").write_text((study / "index.json").read_text())
    assert changes.look() is None


def test_links_to_files_that_are_gone_are_replaced(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT)
    folder = server.refresh("made_up", runs_root=tmp_path) / "00_start" / "seed0"
    source = load_study("made_up", runs_root=tmp_path).runs[0].folder / "tensorboard"
    (events,) = source.iterdir()
    events.rename(source / "events.out.tfevents.2000000000.again")
    server.refresh("made_up", runs_root=tmp_path)
    links = [path.name for path in folder.iterdir() if path.is_symlink()]
    assert links == ["events.out.tfevents.2000000000.again"]
    assert len(by_step(read(folder), "val/top1")) == 4


def test_points_that_left_the_study_leave_the_folder_and_their_runs_stay(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT)
    folder = server.refresh("made_up", runs_root=tmp_path)
    runs = sorted(str(path) for path in (tmp_path / "all").rglob("*"))
    fabricate_study(tmp_path / "other", points=SHORT[:1])
    shorter = tmp_path / "other" / "studies" / "made_up" / "index.json"
    (folder.parent / "index.json").write_text(shorter.read_text())
    server.refresh("made_up", runs_root=tmp_path)
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["00_start"]
    assert sorted(str(path) for path in (tmp_path / "all").rglob("*")) == runs


def test_the_runs_folder_can_be_moved(tmp_path: Path) -> None:
    fabricate_study(tmp_path / "here", points=SHORT)
    server.refresh("made_up", runs_root=tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    folder = tmp_path / "there" / "studies" / "made_up" / "tensorboard" / "00_start" / "seed0"
    assert len(by_step(read(folder), "val/top1")) == 4


def test_refresh_imports_no_torch(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT)
    code = (
        "import sys; from pathlib import Path; from ablations.board.server import refresh; "
        f"refresh('made_up', runs_root=Path({str(tmp_path)!r})); "
        "assert 'torch' not in sys.modules and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_taken_port_is_refused_and_a_free_one_is_found() -> None:
    with socket.socket() as taken:
        taken.bind((server.HOST, 0))
        taken.listen()
        with pytest.raises(ValueError, match="--port"):
            server.free_port(taken.getsockname()[1])
    assert server.FIRST_PORT <= server.free_port() < server.FIRST_PORT + server.PORTS


def test_serve_without_any_study_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ablate run NAME"):
        server.serve(None, runs_root=tmp_path)


def test_tensorboard_serves_the_runs_in_order_and_ends_when_told(tmp_path: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, seeds=[0])
    port = server.free_port()
    code = (
        "from pathlib import Path; from ablations.board.server import serve; "
        f"raise SystemExit(serve('made_up', runs_root=Path({str(tmp_path)!r}), port={port}))"
    )
    environment = {**os.environ, "no_proxy": server.HOST}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as process:
        try:
            runs = _wait_for(f"http://{server.HOST}:{port}/data/runs", length=7)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
    points = [label for label, _, _ in SHORT]
    assert runs == [".", *(f"{point}/{run}" for point in points for run in ("mean", "seed0"))]
    assert server.free_port(port) == port


def _wait_for(url: str, *, length: int) -> list[str]:
    """The JSON list at a URL, once it has so many items; the last one seen after a minute."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    found: list[str] = []
    deadline = time.monotonic() + 60
    while len(found) < length and time.monotonic() < deadline:
        time.sleep(0.3)
        try:
            found = json.load(opener.open(url, timeout=5))
        except OSError:
            continue
    return found
