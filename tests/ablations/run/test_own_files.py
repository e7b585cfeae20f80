"""Nothing is deleted or overwritten that this program did not write."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ablations.board import server
from ablations.files.own_folders import own_folder
from ablations.report import write_report
from ablations.run.events import EpochEvents
from datamodules.sets.sources import data_folder_lock
from datamodules.writing.part_file import new_file, part_name
from lit_models import TRAJECTORIES
from tests.support.fabricate import Made, cumulative, fabricate_study
from tests.support.project import PROJECT

SHORT: list[Made] = cumulative(TRAJECTORIES["convnext_nano"], alternatives=False)[:2]
EVENTS = "events.out.tfevents.1700000000.mine"


@pytest.fixture
def thesis(tmp_path: Path) -> Path:
    """A folder of somebody else, with files of names that this program uses."""
    folder = tmp_path / "thesis"
    (folder / "chapter" / "seed0").mkdir(parents=True)
    for name in ("chapter/a.tex", f"chapter/seed0/{EVENTS}", EVENTS, "report.md", "steps.svg"):
        (folder / name).write_text("mine")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refresh(root: Path) -> None:
    server.refresh("made_up", runs_root=root)


def all_studies(root: Path) -> None:
    server._folder_of_all(["made_up"], root)


def report(root: Path) -> None:
    write_report("made_up", runs_root=root)


def events(root: Path) -> None:
    EpochEvents(min((root / "all").iterdir()) / "tensorboard", [], [])


@pytest.mark.parametrize(
    ("write", "place"),
    [
        (refresh, "studies/made_up/tensorboard"),
        (refresh, "studies/made_up/tensorboard/00_start"),
        (refresh, "studies/made_up/tensorboard/00_start/seed0"),
        (refresh, "studies/made_up/tensorboard/00_start/mean"),
        (refresh, "studies"),
        (all_studies, "studies/.tensorboard"),
        (report, "studies/made_up/report"),
        (report, "studies/made_up"),
        (events, "all/fashion_mnist-seed0-000000000000/tensorboard"),
    ],
)
def test_a_link_out_of_the_runs_folder_is_not_followed(
    tmp_path: Path, thesis: Path, write: Callable[[Path], None], place: str
) -> None:
    root = tmp_path / "runs"
    fabricate_study(root, points=SHORT, seeds=[0])
    link = root / place
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir():
        shutil.copytree(link, thesis, dirs_exist_ok=True)
        shutil.rmtree(link)
    link.symlink_to(thesis)
    before = content(thesis)
    with pytest.raises(ValueError, match=f"{place} is a link to"):
        write(root)
    assert content(thesis) == before


def test_what_a_board_did_not_write_stays(tmp_path: Path, thesis: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, seeds=[0])
    folder = server.refresh("made_up", runs_root=tmp_path)
    shutil.copytree(thesis, folder / "notes")
    (folder / "elsewhere").symlink_to(thesis)
    gone, kept = folder / "01_stage_ratio", folder / "00_start" / "seed0"
    for place in (gone / "seed0", gone / "mean", kept, folder):
        (place / EVENTS).write_text("mine")
        (place / "link.tfevents").symlink_to(thesis / "report.md")
    index = folder.parent / "index.json"
    told = json.loads(index.read_text())
    index.write_text(json.dumps({**told, "rows": told["rows"][:1]}))
    server.refresh("made_up", runs_root=tmp_path)
    assert content(folder / "notes") == content(thesis)
    assert (folder / "elsewhere").is_symlink()
    assert {p.name for p in gone.rglob("*") if not p.is_dir()} == {EVENTS, "link.tfevents"}
    assert (kept / "link.tfevents").is_symlink()
    assert (kept / EVENTS).read_text() == "mine"


def test_the_folder_of_all_boards_keeps_what_is_not_ours(tmp_path: Path, thesis: Path) -> None:
    folder = own_folder(tmp_path, "studies", ".tensorboard")
    (folder / "notes.txt").write_text("mine")
    (folder / "thesis").symlink_to(thesis)
    (folder / "old").symlink_to("../old/tensorboard")
    server._folder_of_all(["made_up"], tmp_path)
    assert sorted(p.name for p in folder.iterdir()) == ["made_up", "notes.txt", "thesis"]


def test_a_file_of_a_report_that_is_a_link_is_replaced(tmp_path: Path, thesis: Path) -> None:
    fabricate_study(tmp_path, points=SHORT, seeds=[0])
    folder = own_folder(tmp_path, "studies", "made_up", "report")
    for name in ("report.md", "steps.svg"):
        (folder / name).symlink_to(thesis / name)
    before = content(thesis)
    report(tmp_path)
    assert content(thesis) == before
    assert not (folder / "steps.svg").is_symlink()


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "studies").write_text("")
    with pytest.raises(ValueError, match=r"studies is a file, but has to be a folder"):
        own_folder(tmp_path, "studies", "x")


def test_a_beton_is_never_written_through_a_link_or_into_a_download(
    tmp_path: Path, thesis: Path
) -> None:
    out = tmp_path / "x.beton"
    download = tmp_path / "x.beton.part"
    download.write_text("half of it")
    part_name(out).symlink_to(thesis / "report.md")
    with pytest.raises(ValueError, match="is a link"), new_file(out, force=False, say=print):
        pass
    part_name(out).unlink()
    with new_file(out, force=False, say=print) as file:
        file.write(b"whole")
    assert out.read_bytes() == b"whole"
    assert download.read_text() == "half of it"
    assert (thesis / "report.md").read_text() == "mine"


@pytest.mark.parametrize("link", [False, True])
def test_the_lock_of_a_data_folder_empties_nothing(
    tmp_path: Path, thesis: Path, *, link: bool
) -> None:
    lock = tmp_path / ".lock"
    if link:
        lock.symlink_to(thesis / "report.md")
        with pytest.raises(ValueError, match="cannot be written"), data_folder_lock(tmp_path):
            pass
    else:
        lock.write_text("mine")
        with data_folder_lock(tmp_path):
            pass
    assert lock.read_text() == "mine"


def test_make_clean_takes_a_name_with_a_space_as_one(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for name in ("my", "venv", "my venv", "lit_models", "datamodules", "ablations", "tests"):
        (tmp_path / name).mkdir()
    subprocess.run(["make", "clean", "VENV=my venv"], cwd=tmp_path, check=True, capture_output=True)
    assert {"my", "venv", "my venv"} <= {path.name for path in tmp_path.iterdir()}
