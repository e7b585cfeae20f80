"""A beton appears only when it is whole, whatever happens to its writer, disk or source."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from datamodules.beton.file import read_beton
from datamodules.writing import encoder as beton_encoder
from datamodules.writing import writer as beton_writer
from datamodules.writing.encode import encode_file
from datamodules.writing.part_file import new_file, part_name
from tests.support.images.beton_files import write_from
from tests.support.images.image_trees import broken_inside, write_jpeg, write_tree
from tests.support.project import PROJECT

# Writes the tree and stays at the fifth sample.
STUCK = """
import sys, time
from pathlib import Path
from tests.support.images.beton_files import write_from
def progress(stage, done, total, size):
    if done == 5:
        print("stuck", flush=True)
        time.sleep(600)
write_from(Path(sys.argv[1]), Path(sys.argv[2]), progress=progress)
"""
LIMITED = """
import resource, sys
from pathlib import Path
from ablations.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
sys.exit(main(["data", "write", sys.argv[1], "--out", sys.argv[2], "--encode", "raw"]))
"""
SLOW = """
import sys, time
from datamodules.writing import encoder as beton_encoder
from ablations.cli import main
def slow(*args, encode=beton_encoder.encode_file, **values):
    print("slow", file=sys.stderr, flush=True)
    time.sleep(0.5)
    return encode(*args, **values)
beton_encoder.encode_file = slow
sys.exit(main(["data", "write", sys.argv[1], "--out", sys.argv[2], "--workers", "1"]))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out/x.beton"


def start(code: str, *arguments: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def left(out: Path) -> list[str]:
    return sorted(path.name for path in out.parent.iterdir())


def test_a_killed_writer_leaves_no_beton_and_the_next_one_starts_anew(
    tree: Path, out: Path
) -> None:
    process = start(STUCK, tree, out)
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    with pytest.raises(ValueError, match=r"\.x\.beton\.part cannot be used: another process"):
        write_from(tree, out)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert left(out) == [".x.beton.part"]
    with pytest.raises(ValueError, match=r"part (is empty|was never finished)"):
        read_beton(part_name(out))

    said: list[str] = []
    part_name(out).write_bytes(bytes(10**6))  # as if more had come to the disk
    written = write_from(tree, out, say=said.append)
    assert said == [f"{part_name(out)} was left by a writer that was stopped; it is written again."]
    assert left(out) == ["x.beton"]
    assert written.size == out.stat().st_size < 10**6
    assert len(read_beton(out)) == 36


def test_ctrl_c_leaves_nothing(tree: Path, out: Path) -> None:
    process = start(SLOW, tree, out)
    assert process.stderr is not None
    while not part_name(out).exists():
        assert process.stderr.readline() == "slow\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert left(out) == []


@pytest.mark.parametrize("stage", ["written", "verified"])
def test_ctrl_c_at_any_stage_leaves_nothing(tree: Path, out: Path, stage: str) -> None:
    def progress(now: str, done: int, total: int, size: int) -> None:
        if now == stage and done == total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_from(tree, out, progress=progress)
    assert left(out) == []


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tree: Path, out: Path) -> None:
    process = start(LIMITED, tree, out)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith(f"ablate: {out} cannot be written (File too large); nothing is left")
    assert "--max-side" in errors
    assert len(errors.splitlines()) == 1
    assert left(out) == []


def test_a_disk_that_fills_up_at_the_very_end_leaves_nothing(
    tree: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ValueError, match=r"No space left on device.*Free some space"):
        write_from(tree, out)
    assert left(out) == []


def test_a_disk_that_changes_bytes_is_noticed(
    tree: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(beton: object, report: object) -> str:
        return "other"

    monkeypatch.setattr(beton_writer, "read_content", damaged)
    with pytest.raises(ValueError, match="does not read back as it was written"):
        write_from(tree, out)
    assert left(out) == []


def test_a_machine_without_resources_is_no_reason_to_skip_images(
    tree: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(descriptor: str) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("os.memfd_create", exhausted)
    with pytest.raises(ValueError, match="Too many open files"):
        write_from(tree, out, on_error="skip")
    assert left(out) == []


def test_a_file_that_is_there_stays_until_a_new_one_is_whole(tree: Path, out: Path) -> None:
    write_from(tree, out)
    before = out.read_bytes()
    with pytest.raises(ValueError, match=r"x\.beton is there already.*--force"):
        write_from(tree, out, encode="raw")
    broken_inside(tree / "train/ant/x.png")
    with pytest.raises(ValueError, match=r"x\.png"):
        write_from(tree, out, encode="raw", force=True)
    assert out.read_bytes() == before
    (tree / "train/ant/x.png").unlink()
    with out.open("rb") as mapped:  # a reader that is at it
        write_from(tree, out, encode="raw", force=True)
        assert mapped.read() == before
    assert read_beton(out).modes.tolist() == [1] * 36


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("x.bin", r"has to end in \.beton"),
        ("file/x.beton", "file cannot be made"),
        ("folder.beton", "is there already"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused(
    tree: Path, out: Path, name: str, sentence: str
) -> None:
    (out.parent / "folder.beton").mkdir()
    (out.parent / "file").touch()
    with pytest.raises(ValueError, match=sentence):
        write_from(tree, out.parent / name, force=True)


def test_a_file_made_meanwhile_is_not_replaced(out: Path) -> None:
    def write() -> None:
        with new_file(out, force=False, say=print) as file:
            file.write(b"ours")
            out.write_bytes(b"theirs")

    with pytest.raises(ValueError, match="is there already"):
        write()
    assert out.read_bytes() == b"theirs"
    assert left(out) == ["x.beton"]


def touched(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "grown": (lambda path: path.write_bytes(path.read_bytes() + b"x"), "0.jpg changed"),
    "touched": (touched, "0.jpg changed"),
    "gone": (lambda path: path.unlink(), "0.jpg is gone"),
    "new": (lambda path: write_jpeg(path.with_name("00.jpg")), "00.jpg is new"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_a_folder_that_changes_while_it_is_read_is_refused(
    tree: Path, out: Path, change: str, policy: str
) -> None:
    act, sentence = CHANGES[change]

    def progress(stage: str, done: int, total: int, size: int) -> None:
        if (stage, done) == ("written", 20):  # after the file was read
            act(tree / "train/bee/0.jpg")

    with pytest.raises(ValueError, match=rf"changed while it was written: train/bee/{sentence}"):
        write_from(tree, out, progress=progress, on_error=policy)
    assert left(out) == []


def vanishing(tree: Path, name: str) -> Callable[[str, int, int, int], None]:
    def progress(stage: str, done: int, total: int, size: int) -> None:
        if (stage, done) == ("written", 1):
            (tree / name).unlink()

    return progress


def test_a_file_that_vanishes_before_it_is_read_follows_the_policy(tree: Path, out: Path) -> None:
    name = "val/cat/5.jpg"
    with pytest.raises(ValueError, match=rf"image {name} cannot be read \(it is gone\)"):
        write_from(tree, out, progress=vanishing(tree, name))
    assert left(out) == []
    write_jpeg(tree / name)
    manifest = write_from(
        tree, out, progress=vanishing(tree, name), on_error="skip", workers=1
    ).manifest
    assert [(file.name, file.reason) for file in manifest.skipped] == [(name, "it is gone")]
    assert manifest.parts[1].class_counts == (6, 6, 5)


def test_threads_end_with_the_writer(tree: Path, out: Path) -> None:
    import threading

    before = threading.active_count()
    broken_inside(tree / "train/ant/x.png")
    for _ in range(3):
        with pytest.raises(ValueError, match=r"x\.png") as raised:
            write_from(tree, out, workers=4)
        assert raised.traceback  # the frames are alive, the threads are not
        assert threading.active_count() == before


def test_few_images_wait_in_memory(tree: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = 0
    encode = encode_file

    def count(*arguments: object, **values: object) -> object:
        nonlocal encoded
        encoded += 1
        return encode(*arguments, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(beton_encoder, "encode_file", count)
    ahead: list[int] = []

    def progress(stage: str, done: int, total: int, size: int) -> None:
        if stage == "written":
            time.sleep(0.005)
            ahead.append(encoded - done)

    write_from(tree, out, progress=progress, workers=2)
    assert max(ahead) <= 7
