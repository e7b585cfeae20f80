"""The command line: fast where nothing is computed, frozen options, clear errors, JSON."""

import json
import os
import resource
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from ablations.cli import main, make_parser
from ablations.commands.list import KINDS
from ablations.commands.parsing import VerbParser
from tests.support.project import PROJECT

DEBUG = ["--debug", "--help", "-h"]
BENCH = [*DEBUG, "--json"]
COMMON = [*DEBUG, "--file", "--runs", "--use"]
# What people type in scripts and papers: a name here is never removed or renamed.
OPTIONS = {
    "list": [*COMMON, "--json", "kind", "pattern"],
    "plan": [*COMMON, "--as", "--json", "--no-time", "study", "overrides"],
    "power": [*COMMON, "--as", "--detect", "--json", "--sd", "study", "overrides"],
    "run": [*COMMON, "--as", "--workers", "study", "overrides"],
    "status": [*COMMON, "--json", "study"],
    "report": [*COMMON, "--json", "study"],
    "attribute": [*COMMON, "--json", "--method", "--own", "study"],
    "board": [*COMMON, "--port", "study"],
    "show": [*COMMON, "--json", "run"],
    "bench loader": [*BENCH, "--images", "--out", "--rounds", "files"],
    "bench train": [
        *BENCH,
        *("--batch-size", "--device", "--image-size", "--models", "--out", "--rounds", "--threads"),
    ],
    "bench grid": [*BENCH, "--workers"],
    "bench corruptions": [*BENCH, "--images", "--out", "--rounds", "--sides"],
    "data write": [
        *DEBUG,
        *("--encode", "--force", "--jpeg-share", "--max-side", "--on-error", "--out"),
        *("--quality", "--test-fraction", "--restart", "--workers", "source"),
    ],
    "data check": [*DEBUG, "--json", "--workers", "path"],
    "data info": [*DEBUG, "--json", "path"],
    "export": [*COMMON, "--ema", "--force", "--format", "--out", "run"],
    "import": [
        *(
            "--debug",
            "--ema",
            "--force",
            "--help",
            "--json",
            "--model",
            "--num-classes",
            "--out",
            "--step",
        ),
        *("-h", "checkpoint"),
    ],
    "evaluate": [*COMMON, "--json", "--keep", "--split", "checkpoint", "data", "overrides"],
    "robustness": [
        *COMMON,
        *("--json", "--plan", "--suite", "--workers", "what", "data", "overrides"),
    ],
    "schema": DEBUG,
    "completion": [*DEBUG, "shell"],
    "complete": [*DEBUG, "line"],
    "exec-run": ["--debug", "--help", "-h", "folder"],
}
HEAVY = {"torch", "lightning", "timm", "torchvision", "matplotlib", "sklearn", "tensorboard"}
PLAN = ["plan", "convnext_nano", "--no-time"]
ORDERS_PLAN = [
    *("plan", "resnet50_to_convnext_t", "--no-time", "seeds=[0]"),
    "points={kind: shapley, orders: 16}",
]
IMAGENET_PLAN = [
    *("plan", "resnet50_to_convnext_t", "--no-time", "--json"),
    *("seeds=[0]", "points.alternatives=false"),
]


def python(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python in a process of its own, in another folder, with or without installation."""
    variables = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **variables},
        check=False,
    )


def cpu_seconds(*arguments: str, cwd: Path) -> float:
    """The least processor time of three tries: the wall time where nothing else runs."""
    tries = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert python("-m", "ablations", *arguments, cwd=cwd).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        tries.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(tries)


def every_verb() -> dict[str, VerbParser]:
    """The parsers of all verbs, filled; those below a verb have names such as `data write`."""
    found: dict[str, VerbParser] = {}
    for name, parser in make_parser().verbs.items():
        below = parser.complete().verbs
        found |= {f"{name} {inner}": verb.complete() for inner, verb in below.items()}
        found |= {} if below else {name: parser}
    return found


def test_options_are_frozen() -> None:
    found = {
        verb: sorted(
            name for action in parser._actions for name in action.option_strings or [action.dest]
        )
        for verb, parser in every_verb().items()
    }

    assert found == {verb: sorted(names) for verb, names in OPTIONS.items()}


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [(["--help"], 0.5), (["list"], 0.5), (PLAN, 5.0), (IMAGENET_PLAN, 5.0), (ORDERS_PLAN, 5.0)],
    ids=["help", "list", "plan", "imagenet plan", "plan of orders"],
)
def test_it_answers_fast(tmp_path: Path, arguments: list[str], limit: float) -> None:
    assert cpu_seconds(*arguments, cwd=tmp_path) < limit


@pytest.mark.parametrize(
    "arguments", [["list"], PLAN, ORDERS_PLAN], ids=["list", "plan", "plan of orders"]
)
def test_nothing_heavy_is_imported(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys; from ablations.cli import main; code = main(sys.argv[1:]); "
        f"print('HEAVY', sorted({HEAVY} & set(sys.modules))); sys.exit(code)"
    )
    done = python("-c", code, *arguments, cwd=tmp_path)

    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_no_verb_imports_anything_heavy_before_it_runs(tmp_path: Path) -> None:
    """So that `ablate VERB --help` and the completion of a shell answer at once."""
    code = (
        "import sys\n"
        "from ablations.cli import make_parser\n"
        "for parser in make_parser().verbs.values():\n"
        "    for below in parser.complete().verbs.values():\n"
        "        below.complete()\n"
        f"print(sorted({HEAVY | {'rich'}} & set(sys.modules)))"
    )
    done = python("-c", code, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("pla", "plan"), ("bench loadr", "loader"), ("data writ", "write"), ("exporrt", "export")],
)
def test_an_unknown_verb_is_answered_with_the_nearest(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(typed.split())

    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"there is no `ablate {typed}`. Did you mean {meant}?" in err
    assert "exec-run" not in err


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    parts = {"studies", "trajectories", "networks", "steps", "primitives", "datasets", "recipes"}
    assert set(found) == parts
    study = next(s for s in found["studies"] if s["name"] == "convnext_nano")
    assert (study["data"], study["recipe"], study["points"]) == ("digits", "quick", "cumulative")
    nano = next(t for t in found["trajectories"] if t["name"] == "convnext_nano")
    assert [s["name"] for s in nano["steps"]][:2] == ["stage_ratio", "patchify_stem"]
    assert next(s for s in nano["steps"] if s["name"] == "kernel_size")["alternatives"]
    assert {"digits", "imagenet"} <= {d["name"] for d in found["datasets"]}
    assert {"quick", "convnext_300", "resnet_90"} <= {r["name"] for r in found["recipes"]}

    assert main(["list"]) == 0
    text = capsys.readouterr().out
    for name in ("convnext_nano", "separate_downsampling", "fashion_mnist", "convnext_300"):
        assert name in text


def test_a_kind_is_listed_alone_and_by_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    def listed(*words: str) -> list[dict[str, object]]:
        assert main(["list", *words, "--json"]) == 0
        found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
        return found

    assert main(["list", "--json"]) == 0
    everything = json.loads(capsys.readouterr().out)
    for kind, key in KINDS.items():
        assert listed(kind) == everything[key]
        assert main(["list", kind]) == 0
        text = capsys.readouterr().out
        assert all(entry["name"] in text for entry in everything[key])
    assert {entry["name"] for entry in listed("studies", "*_nano")} == {
        study["name"] for study in everything["studies"] if study["name"].endswith("_nano")
    }
    assert [entry["name"] for entry in listed("networks", "convnext_tiny")] == ["convnext_tiny"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["network"], "'network' is no kind to list. Did you mean networks?"),
        (["networks", "convnxt_tiny"], "'convnxt_tiny'. Did you mean convnext_tiny"),
        (["recipes", "zzz*"], "none of the recipes is called 'zzz*'. `ablate list recipes` shows"),
    ],
)
def test_nothing_to_list_is_said(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


def test_versions_are_told_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from ablations.cli import main\n"
        "try: main(['--version'])\n"
        f"finally: print('HEAVY', sorted({HEAVY} & set(sys.modules)))"
    )
    first, second, heavy = python("-c", code, cwd=tmp_path).stdout.splitlines()

    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert first.startswith(f"ablate {declared}")
    for name in ("torch", "lightning", "timm"):
        assert f"{name} {version(name)}" in second
    assert heavy == "HEAVY []"


def test_plan_prints_every_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PLAN, "--runs", str(tmp_path), "--json", "seeds=[4]"]) == 0
    rows = json.loads(capsys.readouterr().out)

    assert len(rows) == 13
    for row in rows:
        assert isinstance(row["params"], int)
        assert isinstance(row["gmacs"], float)
        assert (row["seed"], row["state"], row["seconds"]) == (4, "new", None)
        assert row["run_id"].startswith("digits-seed4-")
    assert rows[0]["step"] == "start"
    assert rows[-1]["step"] == "separate_downsampling"

    assert main([*PLAN, "--runs", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "12_separate_downsampling" in text
    assert not (tmp_path / "all").exists()


def test_a_plan_without_a_title_has_that_of_its_trajectory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*PLAN, "--runs", str(tmp_path), "title=''"]) == 0
    assert capsys.readouterr().out.startswith("convnext_nano: ResNet-nano → ConvNeXt-nano")


def test_a_plan_says_that_data_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(tmp_path / "empty")
    plan = ["plan", "resnet50_to_convnext_t", "--no-time", f"data.root={root}"]

    assert main([*plan, "--runs", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "Data is missing on this machine" in text
    assert root in text
    assert text.count("07a_kernel_size_5") == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "convnext_nan"], ["'convnext_nan'", "Did you mean convnext_nano?"]),
        (["plan", "convnext_nano", "recipe.epoch=1"], ["'epoch'", "Did you mean epochs?"]),
        (["run", "convnext_nano", "data=digit"], ["'digit'", "Did you mean digits?"]),
        (["status", "../../etc"], ["'../../etc'", "cannot name a study"]),
        (["status", "convnext_nan"], ["'convnext_nan'"]),
        (["report", "convnext_nano"], ["convnext_nano", "has run", "--runs"]),
        (["board", "convnext_nano"], ["convnext_nano", "has run"]),
        (["show", "digits-seed0-ffffffffffff"], ["names 0 runs"]),
        (["show", "convnext_nano"], ["names 0 runs"]),
        (["show", "convnext_nano/kernel/9"], ["names 0 runs"]),
        (["show", "nothing/start/0"], ["no study 'nothing'"]),
        (["list", "--file", "absent.yaml"], ["absent.yaml", "is no file"]),
        (["run", "resnet50_to_convnext_t", "data.root=absent"], ["absent"]),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main([*arguments, "--runs", "runs"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ablate: ")
    assert "Traceback" not in err
    for word in words:
        assert word in err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = python("-m", "ablations", "plan", "nothing", "--debug", cwd=tmp_path)

    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "convnext_nano", "--worker", "2", "--wrong"],
        ["run"],
        ["nothing"],
        ["status", "convnext_nano", "seeds=[1]"],
        ["run", "convnext_nano", "--workers", "-1"],
    ],
)
def test_argparse_refuses_what_it_does_not_know(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2


def test_overrides_may_stand_after_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = ["--runs", str(tmp_path)]
    assert (
        main(["plan", "convnext_nano", "seeds=[1]", *runs, "--json", "--no-time", "seeds=[2]"]) == 0
    )

    assert {row["seed"] for row in json.loads(capsys.readouterr().out)} == {2}


def test_a_runs_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    assert main(["run", "convnext_nano", "--runs", str(tmp_path / "file" / "runs")]) == 2
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "--runs" in err


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; "
        "command = [sys.executable, '-m', 'ablations', 'list']; "
        "p = subprocess.Popen(command, stdout=subprocess.PIPE); "
        "p.stdout.close(); sys.exit(p.wait())"
    )
    done = python("-c", code, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (1, "")
