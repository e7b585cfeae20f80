"""Odd experiment files and overrides: one sentence with file, line and key, and soon."""

import re
from pathlib import Path

import pytest

from ablations.cli import main

STUDY = "studies:\n  s:\n    trajectory: convnext_nano\n    data: digits\n"
NETWORKS = (
    "studies:\n  s:\n    data: digits\n    points: {{kind: networks, networks: {{a: [{}]}}}}\n"
)
LEVELS = "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
FILES: dict[str, tuple[str, str]] = {
    "brackets": (f"studies: {'[' * 3000}{']' * 3000}", "line 1: nested deeper than 24 levels"),
    "many brackets": (f"studies: {'[' * 100_000}", "line 1: nested deeper than 24 levels"),
    "braces": ("studies: " + "{a: " * 5000, "line 1: nested deeper than 24 levels"),
    "bomb": (f"a0: &a0 [{'x,' * 10}]\n{LEVELS}studies: *a9\n", "more than 100,000 values"),
    "itself": ("studies: &a {s: *a}\n", "line 1: *a stands inside of what it names"),
    "large": (f"{STUDY}# {'x' * 2**20}", "bytes; at most 1,048,576 are read"),
    "control": (f"{STUDY}    title: a\0b\n", "control characters are not allowed"),
    "digits": (f"{STUDY}    seeds: [{'1' * 5000}]\n", "4300 digits"),
    "missing": (f'{STUDY}    title: "???"\n', ":5 (studies.s.title): title is '???'"),
    "interpolation": (f'{STUDY}    title: "${{x.y}}"\n', ":5 (studies.s.title): title is '${x.y}'"),
    "in a list": (
        f'{STUDY}    points: {{kind: add_one_in, always: ["${{x}}"]}}\n',
        "points.always.0 is '${x}'",
    ),
    "NaN": (f"{STUDY}    recipe: {{lr: .nan}}\n", ":5 (studies.s.recipe.lr): recipe.lr is nan"),
    "infinity": (f"{STUDY}    recipe: {{betas: [.9, .inf]}}\n", "recipe.betas.1 is inf"),
    "step inf": (NETWORKS.format("nano_convnext, expansion=inf"), "'expansion=inf' cannot be read"),
    "step nan": (NETWORKS.format("nano_convnext, layer_scale=nan"), "'layer_scale=nan'"),
    "step large": (NETWORKS.format(f"nano_convnext, kernel_size={'9' * 30}"), "of 30 digits"),
    "false": ("studies: false\n", ":1 (studies): expected a mapping, found False"),
    "zero": ("studies:\n  s: 0\n", ":2 (studies.s): expected a mapping, found 0"),
    "empty text": (f"{STUDY}recipes: ''\n", ":5 (recipes): expected a mapping, found ''"),
    "no studies": ("studies: {}\n", "study 's' is unknown. There are none."),
    "unused typo": (f"{STUDY}recipes:\n  r: {{epoch: 3}}\n", ":6 (recipes.r.epoch): key of"),
    "unused augment": (f"{STUDY}recipes:\n  r: {{augment: {{hfilp: 1}}}}\n", "mean hflip?"),
    "unused recipe": (f"{STUDY}recipes:\n  r: 3\n", ":6 (recipes.r): expected a mapping, found 3"),
}
# Values that the study of a command does not have: `ablate list` finds them.
UNUSED = {
    "unused value": (f"{STUDY}recipes:\n  r: {{epochs: many}}\n", ":6 (recipes.r.epochs): recipe"),
    "other study": (f"{STUDY}  t:\n    seeds: []\n", ":6 (studies.t.seeds): seeds is []"),
}


@pytest.mark.parametrize("kind", FILES)
def test_an_odd_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    text, words = FILES[kind]
    file = tmp_path / "e.yaml"
    file.write_text(text)
    assert main(["plan", "s", "--no-time", "--file", str(file), "--runs", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"ablate: {file}")
    assert words in err
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("kind", ["brackets", "bomb", "false", "unused typo", *UNUSED])
def test_a_list_checks_the_whole_file_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    text, words = {**FILES, **UNUSED}[kind]
    (tmp_path / "e.yaml").write_text(text)
    assert main(["list", "--file", str(tmp_path / "e.yaml")]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("title=???", "command line (title=???): title is '???'"),
        ("title=${x}", "title is '${x}'"),
        ("data.root=${oc.env:HOME}", "data.root is '${oc.env:HOME}'"),
        ("recipe.lr=nan", "recipe.lr is nan"),
        ("recipe.lr=.inf", "recipe.lr is inf"),
        ("seeds=[1e400]", "seeds.0 is inf"),
        (f"recipe={'[' * 3000}", "nested deeper than 24 levels"),
        (f"recipe.epochs={'1' * 5000}", "4300 digits"),
        ("recipe=[", "cannot be read"),
    ],
)
def test_an_odd_override_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], override: str, words: str
) -> None:
    assert main(["plan", "convnext_nano", override, "--no-time", "--runs", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("ablate: command line")
    assert words in err
    assert err.count("\n") == 1
    assert len(err) < 1000


def test_two_keys_that_contradict_each_other_are_both_placed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "e.yaml"
    file.write_text("studies:\n  s: {like: convnext_nano, overrides: {recipe.epochs: 1}}\n")
    assert main(["plan", "s", "--no-time", "--file", str(file), "--runs", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    places = r"experiments\.yaml:\d+ \(recipes\.quick\.warmup_epochs\) and .*e\.yaml:2 \(studies\.s"
    assert re.search(f"{places}.*: recipe\\.warmup_epochs=.* recipe\\.epochs=1", err)
