"""Where public sets are looked for, and what is said where they are not."""

from dataclasses import replace
from pathlib import Path

import pytest

from datamodules.benchmarks.entries import SETS
from datamodules.benchmarks.search import find
from datamodules.config.data import DataConfig


def below(root: Path) -> DataConfig:
    return DataConfig(root=str(root))


@pytest.mark.parametrize("folder", ["imagenet-a", "imagenet_a", "ImageNet-A"])
def test_a_set_is_found_in_any_spelling(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    found = find(SETS["imagenet_a"], below(tmp_path), {})
    assert found.folder == tmp_path / folder
    assert found.absent([""]) is None


def test_a_missing_set_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ABLATE_DATA", raising=False)
    found = find(SETS["imagenet_a"], DataConfig(root="nowhere"), {})
    assert found.parts([""]) == ()
    assert found.absent([""]) == (
        "imagenet_a: not found; looked in nowhere/imagenet-a and nowhere/imagenet_a. Download: "
        "https://people.eecs.berkeley.edu/~hendrycks/imagenet-a.tar (md5 "
        "c3e55429088dc681f30d81f4726b6595), or data.imagenet_a=DIR"
    )


def test_a_folder_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "my sets" / "a").mkdir(parents=True)
    folders = {"imagenet_a": str(tmp_path / "my sets" / "a")}
    assert find(SETS["imagenet_a"], below(tmp_path), folders).folder == tmp_path / "my sets/a"
    assert find(SETS["imagenet_r"], below(tmp_path), folders).folder is None


def test_a_folder_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"robustness\.folders\.imagenet_a=gone: there is no such"):
        find(SETS["imagenet_a"], below(tmp_path), {"imagenet_a": "gone"})


@pytest.mark.parametrize("above", ["", "weather", "extra"])
def test_corruptions_are_found_in_either_layout(tmp_path: Path, above: str) -> None:
    (tmp_path / "imagenet-c" / above / "fog" / "3").mkdir(parents=True)
    (part,) = find(SETS["imagenet_c"], below(tmp_path), {}).parts(["fog/3", "fog/4"])
    assert part.path == tmp_path / "imagenet-c" / above / "fog" / "3"
    assert part.title == "ImageNet-C/fog/3"


def test_a_missing_corruption_says_what_it_costs(tmp_path: Path) -> None:
    entry = SETS["imagenet_c"]
    names = [f"{name}/{severity}" for name in entry.parts for severity in range(1, 6)]
    for name in names:
        if name not in ("fog/3", "saturate/1"):
            (tmp_path / "imagenet-c" / name).mkdir(parents=True)
    found = find(entry, below(tmp_path), {})
    assert found.absent(names[:75]) == ("ImageNet-C/fog/3 is missing; mCE needs all 75 (found 74)")
    both = "ImageNet-C/fog/3 and 1 more are missing; mCE needs all 75 (found 74)"
    assert found.absent(names) == both
    assert len(found.parts(names)) == len(names) - 2
    # who asks for one severity only asks for no mCE
    assert found.absent(name for name in names if name.endswith("/3")) == (
        "ImageNet-C/fog/3 is missing"
    )


def test_a_missing_variant_says_what_it_costs(tmp_path: Path) -> None:
    entry = SETS["imagenet_9"]
    for name in entry.parts:
        if name != "mixed_rand":
            (tmp_path / "bg_challenge" / name / "val").mkdir(parents=True)
    assert find(entry, below(tmp_path), {}).absent(entry.parts) == (
        "ImageNet-9/mixed_rand is missing; BG-Gap needs mixed_same and mixed_rand"
    )


def test_a_folder_with_nothing_of_the_set_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "imagenet-c" / "train").mkdir(parents=True)
    found = find(SETS["imagenet_c"], below(tmp_path), {})
    with pytest.raises(ValueError, match=r"this should be ImageNet-C, but holds no fog/3 and"):
        found.parts(["fog/3"])


@pytest.mark.parametrize("name", SETS)
def test_what_lies_inside_may_be_unpacked_one_folder_deeper(tmp_path: Path, name: str) -> None:
    entry = replace(SETS[name], parts=SETS[name].parts[:1])
    part = "/".join([*entry.parts, "1"][:2]) if entry.layout == "severities" else None
    if entry.layout in ("tree", "parts") and entry.inside:
        inner = tmp_path / entry.folders[-1] / entry.inside[0]
        (inner / (f"{entry.parts[0]}/val" if entry.parts else "n01440764")).mkdir(parents=True)
        (found,) = find(entry, below(tmp_path), {}).parts(entry.parts or [""])
        assert found.path.is_relative_to(inner)
    elif part:
        inner = tmp_path / entry.folders[0] / entry.inside[0] / part
        inner.mkdir(parents=True)
        (found,) = find(entry, below(tmp_path), {}).parts([part])
        assert found.path == inner
    else:
        assert entry.layout in ("videos", "arrays")
