"""What a command suggests can be typed, and a study's report is not replaced without a word."""

import json
import re
import shlex
from pathlib import Path

import pytest

from ablations.cli import main as ablate
from ablations.cli import make_parser
from ablations.report import write_report
from ablations.store.hints import Typed, hint
from ablations.store.runs import runs_root
from tests.support.fabricate import fabricate_study
from tests.support.project import PROJECT

QUICK = ["recipe.epochs=1", "recipe.warmup_epochs=0", "data.train_limit=64", "data.test_limit=32"]
POINT = ["points=explicit", "points.lists={a: []}"]


def suggested(text: str) -> list[list[str]]:
    """The words of each command in backquotes, without `ablate`."""
    return [shlex.split(words) for words in re.findall(r"`ablate (.*?)`", text)]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A study file of one's own and a runs folder, both with a blank in their names."""
    folder = tmp_path_factory.mktemp("my place")
    file = folder / "own studies.yaml"
    file.write_text((PROJECT / "experiments.yaml").read_text())
    return ["--file", str(file), "--runs", str(folder / "runs")]


def run(places: list[str], *words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a small `ablate run` prints."""
    command = ["run", "convnext_nano", *POINT, *QUICK, *words, "--workers", "0", *places]
    assert ablate(command) == 0
    return capsys.readouterr().out


def report(places: list[str], study: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `ablate report` says on standard error."""
    assert ablate(["report", study, "--json", *places]) == 0
    return capsys.readouterr().err


def test_words_are_quoted_for_a_shell() -> None:
    typed = Typed(Path("a b.yaml"), Path("my runs"), [Path("x.py")], "s", ["k=[1, 2]"], "other")

    assert typed.hint("report", "s") == (
        "`ablate report s --file 'a b.yaml' --runs 'my runs' --use x.py`"
    )
    assert typed.again("run").startswith("`ablate run s 'k=[1, 2]' --as other --file")
    assert Typed(study="s").again("plan") == "`ablate plan s`"


def test_the_default_runs_folder_is_not_repeated(tmp_path: Path) -> None:
    assert hint("run", "s", root=runs_root()) == "`ablate run s`"
    assert hint("run", "s", root=tmp_path) == f"`ablate run s --runs {tmp_path}`"


def test_what_comes_next_can_be_typed(
    places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(places, "--as", "small", capsys=capsys)
    commands = suggested(said)

    assert [command[:2] for command in commands] == [["report", "small"], ["board", "small"]]
    for command in commands:
        assert command[2:] == places
        make_parser().parse_args(command)
    assert ablate(commands[0]) == 0
    (board,) = suggested(capsys.readouterr().out)
    assert board == ["board", "small", *places]


def test_a_study_under_another_name_leaves_the_reports_of_both(
    places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(places[-1])
    run(places, capsys=capsys)
    run(places, "seeds=[1]", "--as", "seed_1", capsys=capsys)

    indexes = [
        json.loads((root / "studies" / name / "index.json").read_text())
        for name in ("convnext_nano", "seed_1")
    ]
    assert [[row["seed"] for row in index["rows"]] for index in indexes] == [[0], [1]]
    assert [index["base"] for index in indexes] == ["convnext_nano"] * 2
    assert "seeds=[1]" in indexes[1]["overrides"]
    for verb in (["status", "seed_1"], ["report", "seed_1"], ["show", "seed_1/a/1"]):
        assert ablate([*verb, *places]) == 0
    assert "seed1" in capsys.readouterr().out


def test_what_a_report_replaces_is_said(
    places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(places, capsys=capsys)
    assert report(places, "convnext_nano", capsys) == ""

    assert "takes the place" not in run(places, "seeds=[0,1]", capsys=capsys) + first
    assert report(places, "convnext_nano", capsys) == ""  # it has all of the first one

    plan = ["plan", "convnext_nano", *POINT, *QUICK, "recipe.lr=0.01", "--no-time", *places]
    assert ablate(plan) == 0
    assert "takes the place" in capsys.readouterr().out
    said = " ".join(run(places, "recipe.lr=0.01", capsys=capsys).split())
    assert "2 runs of it leave the report of convnext_nano" in said
    other = next(command for command in suggested(said) if "NAME" in command)
    assert other == [
        *("run", "convnext_nano", *POINT, *QUICK, "recipe.lr=0.01", "--as", "NAME"),
        *places,
    ]
    assert "takes the place" not in run(places, "recipe.lr=0.01", capsys=capsys)  # once
    assert "takes the place of a report of other runs" in report(places, "convnext_nano", capsys)
    run(places, "recipe.lr=0.01", capsys=capsys)
    assert report(places, "convnext_nano", capsys) == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [("replknet", "there is a study of that name"), ("../x", "cannot name a study")],
)
def test_a_name_that_cannot_be_taken_is_refused(
    name: str, words: str, places: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("run", "plan"):
        assert ablate([verb, "convnext_nano", "--as", name, *places]) == 2
        assert words in capsys.readouterr().err


def test_a_study_that_never_ran_is_answered_with_the_command_that_runs_it(
    places: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(places, "--as", "mine", capsys=capsys)
    assert ablate(["report", "mina", *places]) == 2
    said = capsys.readouterr().err
    assert "Did you mean mine?" in said
    assert suggested(said) == [["run", "mina", *places]]

    assert ablate(["run", "mine", *places]) == 2
    assert "no study, but what `ablate" in capsys.readouterr().err

    elsewhere = ["--runs", str(tmp_path)]
    assert ablate(["export", "replknet/x/0", "--format", "torch", *elsewhere]) == 2
    assert suggested(capsys.readouterr().err) == [
        ["run", "replknet", *elsewhere],
        ["plan", "replknet", *elsewhere],
    ]


def test_a_damaged_index_of_another_name_does_not_send_to_the_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "studies" / "kept" / "index.json"
    index.parent.mkdir(parents=True)
    index.write_text("{")
    assert ablate(["run", "kept", "--runs", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert str(index) in said
    assert suggested(said) == [["run", "STUDY", "--as", "kept"]]


def test_a_report_without_a_finished_run_names_the_command_of_its_index(tmp_path: Path) -> None:
    fabricate_study(tmp_path, states={("00_start", 0): "failed"}, seeds=[0])
    index = tmp_path / "studies" / "made_up" / "index.json"
    said = json.loads(index.read_text())
    rows = [row for row in said["rows"] if row["point"] == "00_start"]
    said |= {"rows": rows, "command": "ablate run convnext_nano --as made_up"}
    index.write_text(json.dumps(said))
    with pytest.raises(ValueError, match="`ablate run convnext_nano --as made_up` trains them"):
        write_report("made_up", runs_root=tmp_path)
