"""FFCV's loader made safe: threads end, memory is nobody else's, what goes wrong is raised."""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.augment.cropping import Cropping
from datamodules.beton.file import read_beton
from datamodules.config.augmentation import Augmentation
from datamodules.readers.ffcv_reader import FfcvReader
from datamodules.readers.loader import ImageLoader, RawBatch
from datamodules.sampling.samplers import Batch, EvalBatches
from datamodules.sets.sources import BetonImages
from tests.support.images.beton_files import write_from
from tests.support.images.image_trees import write_tree
from tests.support.images.loaders import (
    RESIZED,
    build,
    choose,
    digest,
    epochs,
    make_case,
    threads,
    val_of,
    write_both,
)
from tests.support.project import PROJECT

SIDE = 24
CLASSES = ("ant", "bee", "cat")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_both(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def warm(tree: Path) -> None:
    """FFCV has been imported and has read something: what follows starts nothing for good."""
    digest(train_loader(tree))


def train_loader(tree: Path, *, workers: int = 2) -> ImageLoader:
    return build(make_case("ffcv", tree), workers=workers).train_dataloader()


def reader(
    path: Path, samples: range, *, batch_size: int = 8, augmentation: Augmentation = RESIZED
) -> FfcvReader:
    """Of some samples of a file, with two threads."""
    return FfcvReader(
        BetonImages(read_beton(path), samples),
        Cropping(augmentation, train=True, size=SIDE, crop_ratio=0.875, seed=0),
        class_names=CLASSES,
        in_chans=3,
        batch_size=batch_size,
        threads=2,
    )


def read(found: FfcvReader, batches: list[Batch]) -> Iterator[RawBatch]:
    """Any batches, as if a sampler had given them."""
    return found.read(batches)  # type: ignore[arg-type]


def resident() -> int:
    """Memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_probe_consumes_nothing_and_starts_no_thread(tree: Path, warm: None) -> None:
    loader, other = train_loader(tree), train_loader(tree)
    before = threads()
    probes = [iter(loader) for _ in range(5)]
    assert threads() == before
    assert len(loader) == len(other)
    del probes
    assert epochs(loader, 0, 1) == epochs(other, 0, 1)
    assert threads() == before


def test_an_epoch_that_is_left_early_ends_its_thread(tree: Path, warm: None) -> None:
    loader = train_loader(tree)
    before = threads()
    iterator = iter(loader)
    next(iterator)
    assert threads() > before
    iterator.close()  # type: ignore[attr-defined]
    assert threads() == before
    for _ in loader:
        break
    gc.collect()
    assert threads() == before


def test_a_hundred_epochs_that_are_left_early_keep_memory_and_threads(
    tree: Path, warm: None
) -> None:
    module = build(make_case("ffcv", tree))
    loader, val = module.train_dataloader(), val_of(module)
    straight = epochs(loader, 100)

    def leave(epoch: int) -> None:
        choose(loader, epoch)
        for number, _ in enumerate(loader):
            if number == epoch % 3:
                break
        if epoch % 5 == 0:
            next(iter(val))

    for epoch in range(20):
        leave(epoch)
    gc.collect()
    before = threads(), resident()
    for epoch in range(100):
        leave(epoch)
    gc.collect()
    assert threads() == before[0]
    assert resident() - before[1] < 16 << 20
    assert epochs(loader, 100) == straight


def test_a_list_of_batches_holds_what_each_batch_was(tree: Path) -> None:
    loader = train_loader(tree)
    copies = [(images.clone(), labels.clone()) for images, labels in loader]
    held = list(loader)
    assert len(held) > 5
    digest(loader)  # whose memory is that of the epoch before
    for (images, labels), (images_then, labels_then) in zip(held, copies, strict=True):
        assert torch.equal(images, images_then)
        assert torch.equal(labels, labels_then)


def test_an_epoch_begins_anywhere_with_any_number_of_threads(tree: Path) -> None:
    straight = epochs(train_loader(tree, workers=1), *range(5))
    assert len(set(straight)) == 5
    for workers in (2, 3, 8):
        loader = train_loader(tree, workers=workers)
        assert epochs(loader, 3, 4) == straight[3:]
        assert epochs(loader, 1) == straight[1:2]


def damaged(tmp_path: Path, sample: int) -> Path:
    """A beton one of whose samples is no whole JPEG any more."""
    tree = write_tree(tmp_path / "tree", images=20)
    path = write_from(tree, tmp_path / "tree.beton", encode="original").path
    beton = read_beton(path)
    content = bytearray(path.read_bytes())
    middle = int(beton.offsets[sample]) + int(beton.sizes[sample]) // 2
    content[middle : middle + 40] = b"\xff\xd9" * 20
    path.write_bytes(content)
    return path


def test_a_damaged_sample_is_raised_with_file_number_and_class(tmp_path: Path, warm: None) -> None:
    path = damaged(tmp_path, 31)
    loader = build(make_case("ffcv", path.with_suffix(""))).train_dataloader()
    before, began = threads(), time.monotonic()
    # The second epoch has what the first one leaves out.
    with pytest.raises(ValueError, match=r"sample 31 \(class bee\) cannot be decoded") as caught:
        epochs(loader, 0, 1)
    assert str(path) in str(caught.value)
    assert "its JPEG data is damaged or cut short" in str(caught.value)
    assert f"`ablate data check {path}`" in str(caught.value)
    assert time.monotonic() - began < 5
    gc.collect()
    assert threads() == before


def test_batches_before_the_damaged_sample_are_given_and_the_reader_works_on(
    tmp_path: Path,
) -> None:
    found = reader(damaged(tmp_path, 5), range(60))
    batches = [Batch(0, np.arange(start, start + 4)) for start in (8, 0, 4, 12)]
    reading = read(found, batches)
    assert [next(reading).batch.indices[0] for _ in range(2)] == [8, 0]
    with pytest.raises(ValueError, match="sample 5 "):
        next(reading)
    whole = list(read(found, [batches[0], batches[3]]))
    assert [read.batch.indices[0] for read in whole] == [8, 12]


def test_an_exception_in_the_thread_reaches_the_caller(
    tree: Path, warm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ffcv.loader.epoch_iterator import EpochIterator

    loader = train_loader(tree)
    before = threads()
    run = EpochIterator.run_pipeline

    def breaks(self: EpochIterator, number: int, *arguments: object) -> object:
        if number == 2:
            raise ZeroDivisionError("a transform")
        return run(self, number, *arguments)

    monkeypatch.setattr(EpochIterator, "run_pipeline", breaks)
    iterator = iter(loader)
    next(iterator)
    next(iterator)
    with pytest.raises(ZeroDivisionError, match="a transform"):
        next(iterator)
    gc.collect()
    assert threads() == before


def test_ffcv_leaves_torchs_threads_and_its_own_switch_alone(tree: Path) -> None:
    code = """
import sys, torch
from pathlib import Path
from tests.support.images.loaders import *
torch.set_num_threads(3)
module = build(make_case("ffcv", Path(sys.argv[1])), workers=1)
loader = module.train_dataloader()
counts = [torch.get_num_threads()]
for _ in loader:
    counts.append(torch.get_num_threads())
digest(val_of(module))
counts.append(torch.get_num_threads())
assert set(counts) == {3}, counts
from ffcv.pipeline.compiler import Compiler
import numba.typed
assert Compiler.is_enabled and numba.typed.Dict is not dict
"""
    environment = {name: v for name, v in os.environ.items() if name != "OMP_NUM_THREADS"}
    subprocess.run(
        [sys.executable, "-c", code, str(tree)],
        check=True,
        cwd=PROJECT,
        env=environment,
    )


def test_sets_of_one_sample_partial_batches_and_batches_larger_than_the_set(tree: Path) -> None:
    path = tree.with_suffix(".beton")
    one = reader(path, range(7, 8))
    (batch,) = read(one, [Batch(0, np.array([0]))])
    assert batch.images.shape == (1, 3, SIDE, SIDE)
    assert batch.labels.tolist() == [0]

    some = reader(path, range(60, 83), batch_size=100)
    evaluated = EvalBatches(np.arange(23), total=100)
    assert [len(batch.images) for batch in some.read(evaluated)] == [23]
    some = reader(path, range(60, 83), batch_size=4)
    evaluated = EvalBatches(np.arange(23), total=4)
    sizes, labels = [], []
    for batch in some.read(evaluated):
        assert len(batch.images) == len(batch.labels) == len(batch.batch.indices)
        sizes.append(len(batch.images))
        labels += batch.labels.tolist()
    assert sizes == [4, 4, 4, 4, 4, 3]
    assert labels == [0] * 20 + [1] * 3
    assert list(read(some, [])) == []


def test_a_sample_outside_of_the_file_is_refused(tree: Path) -> None:
    found = reader(tree.with_suffix(".beton"), range(60, 120))
    for index in (60, -61):
        with pytest.raises(ValueError, match="has 120 samples, but others were asked for"):
            next(read(found, [Batch(0, np.array([index]))]))


def test_two_loaders_are_read_at_once(tree: Path) -> None:
    module = build(make_case("ffcv", tree), workers=2)
    loader, val = module.train_dataloader(), val_of(module)
    alone = digest(val)
    wanted = [images.clone() for images, _ in loader]
    before = threads()
    for images, expected in zip(loader, wanted, strict=True):
        assert digest(val) == alone  # the whole of val inside of a training epoch
        assert torch.equal(images[0], expected)
    side_by_side = [len(a[1]) for a, _ in zip(loader, val, strict=False)]
    assert side_by_side
    gc.collect()
    assert threads() <= before


def test_a_new_epoch_of_a_loader_ends_the_one_before(tree: Path, warm: None) -> None:
    loader = train_loader(tree)
    before = threads()
    first = iter(loader)
    next(first)
    second = iter(loader)
    next(second)
    with pytest.raises(RuntimeError, match="another epoch of this loader has begun"):
        next(first)
    assert len(list(second)) == len(loader) - 1
    assert threads() == before


def test_torch_forks_its_workers_while_ffcv_reads(tree: Path) -> None:
    ours = train_loader(tree)
    theirs = build(make_case("torch", tree), workers=1).train_dataloader()
    wanted = digest(ours), digest(build(make_case("torch", tree)).train_dataloader())
    iterator = iter(ours)
    first = next(iterator)
    assert digest(theirs) == wanted[1]
    rest = list(iterator)
    assert len(rest) == len(ours) - 1
    assert torch.equal(first[0], next(iter(ours))[0])
    assert digest(ours) == wanted[0]
