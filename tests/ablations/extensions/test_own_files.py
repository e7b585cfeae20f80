"""Files of one's own: what they register, which runs depend on them, and what is refused."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ablations import extend
from ablations.cli import main
from ablations.extensions.copies import copy_of, keep, restore, used_by_weights
from ablations.extensions.loading import EXTENSIONS, use
from ablations.extensions.used import used_by
from ablations.planning.plan import make_plan
from ablations.planning.run_config import to_plain
from ablations.studies.study_file import read_source, resolve_study
from datamodules.catalog.entries import DATASETS
from datamodules.config.data import DataConfig
from lit_models.families.specs import SPECS
from lit_models.primitives.primitive import PRIMITIVES
from lit_models.steps.factories import STEP_FACTORIES
from lit_models.steps.library import parse_step

IDEAS = Path(__file__).with_name("my_ideas.py").read_text(encoding="utf-8")
STUDY = """
{use}studies:
  mine:
    data: {data}
    recipe: {{epochs: 1, batch_size: 32}}
    oversized_kernels: true
    points: {{kind: networks, networks: {{own: [nano_convmixer, {steps}]}}}}
"""
OWN_LAYER = '"extra=my_gain:after=spatial"'


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Take back what a test registered."""
    yield
    forget_all()


def forget_all() -> None:
    for sha256, extension in list(EXTENSIONS.items()):
        for registry, name in extension.made:
            registry.forget(name)
        EXTENSIONS.forget(sha256)


@pytest.fixture
def ideas(tmp_path: Path) -> Path:
    path = tmp_path / "my_ideas.py"
    path.write_text(IDEAS, encoding="utf-8")
    return path


def study_file(
    folder: Path, *, use: str = "", data: str = "digits", steps: str = OWN_LAYER
) -> Path:
    path = folder / "mine.yaml"
    path.write_text(STUDY.format(use=use, data=data, steps=steps), encoding="utf-8")
    return path


def run_id(file: Path) -> str:
    (row,) = make_plan(resolve_study(read_source(file), "mine")).rows
    return row.run_id


def test_a_file_registers_all_that_it_has(ideas: Path) -> None:
    use(ideas)
    assert "twice_as_deep" in STEP_FACTORIES
    assert "my_gain" in PRIMITIVES
    assert DATASETS.origin("stripes").file == str(ideas)
    before = SPECS["nano_convmixer"]
    assert parse_step("twice_as_deep").apply(before).depths == tuple(2 * d for d in before.depths)


def test_only_runs_that_use_a_file_depend_on_its_content(tmp_path: Path, ideas: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = study_file(tmp_path / "plain", steps="kernel_size=3")
    before = run_id(plain)
    use(ideas)
    assert run_id(plain) == before
    first = run_id(study_file(tmp_path))
    ideas.write_text(f"{IDEAS}\n# another content\n", encoding="utf-8")
    use(ideas)
    assert run_id(plain) == before
    assert run_id(study_file(tmp_path)) != first


def test_a_step_that_changed_gives_another_network(tmp_path: Path, ideas: Path) -> None:
    file = study_file(tmp_path, steps="twice_as_deep")
    use(ideas)
    before = run_id(file)
    ideas.write_text(IDEAS.replace("2 * depth", "3 * depth"), encoding="utf-8")
    use(ideas)
    assert run_id(file) != before


def test_where_a_file_lies_is_no_part_of_an_identity(tmp_path: Path, ideas: Path) -> None:
    use(ideas)
    before = run_id(study_file(tmp_path))
    forget_all()
    (tmp_path / "elsewhere").mkdir()
    use(ideas.rename(tmp_path / "elsewhere" / "others.py"))
    assert run_id(study_file(tmp_path)) == before


def test_a_run_goes_by_its_copy_when_the_file_has_changed(tmp_path: Path, ideas: Path) -> None:
    use(ideas)
    (row,) = make_plan(resolve_study(read_source(study_file(tmp_path)), "mine")).rows
    config, run = to_plain(row.config, row.run_id), tmp_path / row.run_id
    keep(run, row.config.extensions)
    ((sha256, entry),) = config["extensions"].items()
    assert entry["names"] == ["primitive my_gain"]
    forget_all()
    ideas.write_text("raise RuntimeError", encoding="utf-8")
    (note,) = restore(run, config)
    assert "has changed since" in note
    assert "my_gain" in PRIMITIVES
    forget_all()
    copy_of(run, sha256, entry).unlink()
    with pytest.raises(ValueError, match=r"config.json: the run depends on .*my_ideas.py, which"):
        restore(run, config)


def test_a_name_with_another_meaning_here_is_refused(tmp_path: Path, ideas: Path) -> None:
    used = use(ideas).source.sha256
    entry: dict[str, Any] = {"file": str(ideas), "package": None, "names": []}
    keep(tmp_path / "run", {used: entry})
    ideas.write_text(f"{IDEAS}\n# another content\n", encoding="utf-8")
    use(ideas)
    with pytest.raises(ValueError, match=r"beside what is loaded: .*exists already, from .*\.py:"):
        restore(tmp_path / "run", {"extensions": {used: entry}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nraise RuntimeError('no luck')", r"my_ideas.py:2: RuntimeError: no luck"),
        ("x = (", r"my_ideas.py:1: SyntaxError: "),
        ("import not_there_at_all", r"my_ideas.py:1: ModuleNotFoundError"),
        ("raise SystemExit(3)", r"my_ideas.py:1: SystemExit"),
        ("x = 1", r"my_ideas.py: it registers nothing"),
        (
            "from ablations.extend import register_column, measured\n"
            "register_column('mine', measured('a/b', 'c'))\n"
            "register_column('mine', measured('a/b', 'c'))",
            r"my_ideas.py:3: the .* 'mine' exists already, from .*my_ideas.py:2",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_and_leaves_nothing(
    ideas: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ideas.write_text(text, encoding="utf-8")
    assert main(["list", "--use", str(ideas)]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    with pytest.raises(ValueError, match=said) as found:
        use(ideas)
    assert str(found.value) in error
    assert not EXTENSIONS


@pytest.mark.parametrize("indent", ["", "def later():\n    "])
def test_a_file_that_imports_another_of_ones_own_is_refused(
    monkeypatch: pytest.MonkeyPatch, ideas: Path, indent: str
) -> None:
    helper = ideas.with_name("a_helper_beside_it.py")
    helper.write_text("x = 1", encoding="utf-8")
    monkeypatch.syspath_prepend(str(ideas.parent))
    ideas.write_text(f"{IDEAS}\n{indent}import a_helper_beside_it\n", encoding="utf-8")
    line = len(ideas.read_text(encoding="utf-8").splitlines())
    with pytest.raises(ValueError, match=rf"py:{line}: it imports .* from {helper}"):
        use(ideas)
    sys.modules.pop("a_helper_beside_it", None)
    assert "stripes" not in DATASETS


def test_the_program_that_uses_a_file_is_no_import_of_it(
    monkeypatch: pytest.MonkeyPatch, ideas: Path
) -> None:
    program = ModuleType("__main__")  # a script of one's own, or that of a virtual environment
    program.__file__ = str(ideas.with_name("ablate"))
    ideas.with_name("ablate").touch()
    monkeypatch.setitem(sys.modules, "__main__", program)
    monkeypatch.setitem(sys.modules, "__mp_main__", program)  # restored
    monkeypatch.delitem(sys.modules, "__mp_main__")
    as_torch = "import sys\nsys.modules['__mp_main__'] = sys.modules['__main__']\n"
    ideas.write_text(f"{as_torch}{IDEAS}", encoding="utf-8")
    assert use(ideas).made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("astype(np.uint8)", "astype(np.float32)"), r"train images whose pixels are float32"),
        (('("across", "along")', '("across",)'), r"gave 1 class names, but num_classes is 2"),
        (("return Source(", "raise KeyError('x')\n    return Source("), r"my_ideas.py:\d+: Key"),
    ],
)
@pytest.mark.parametrize("workers", ["--workers=0", "--workers=1"])
def test_a_data_set_that_is_none_is_one_sentence(
    ideas: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    said: str,
    workers: str,
) -> None:
    ideas.write_text(IDEAS.replace(*change), encoding="utf-8")
    file = study_file(ideas.parent, data="stripes", steps="kernel_size=3")
    words = ["run", "mine", "--file", str(file), "--runs", str(ideas.parent / "runs"), workers]
    assert main([*words, "--use", str(ideas)]) == 2
    assert re.search(rf"^ablate: .*{said}", capsys.readouterr().err)


def test_what_a_teacher_depends_on_a_student_depends_on(tmp_path: Path, ideas: Path) -> None:
    extension = use(ideas)
    run = tmp_path / "teacher"
    (run / "checkpoints").mkdir(parents=True)
    entry = {"file": str(ideas), "package": None, "names": ["primitive my_gain"]}
    told = {"extensions": {extension.source.sha256: entry}}
    (run / "config.json").write_text(json.dumps(told), encoding="utf-8")
    assert used_by_weights([run / "checkpoints" / "last.ckpt"]) == told["extensions"]
    assert used_by_weights([run / "last.ckpt"]) == {}


def test_a_list_shows_what_is_ones_own(ideas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind, name in (("steps", "twice_as_deep"), ("primitives", "my_gain"), ("data", "stripes")):
        assert main(["list", kind, "--use", str(ideas)]) == 0
        assert capsys.readouterr().out.lstrip().startswith(f"{name} (my_ideas.py)")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--use .*absent.py cannot be read: No such file"):
        use(tmp_path / "absent.py")
    with pytest.raises(ValueError, match=r"mine.yaml:2 \(use\): .*absent.py cannot be read"):
        read_source(study_file(tmp_path, use="use: [absent.py]\n"))
    with pytest.raises(ValueError, match=r"mine.yaml:2 \(use\): expected a list of Python files"):
        read_source(study_file(tmp_path, use="use: absent.py\n"))


def test_what_no_file_registered_is_no_part_of_a_plan(ideas: Path) -> None:
    use(ideas)
    for sha256 in list(EXTENSIONS):
        made = EXTENSIONS[sha256].made
        EXTENSIONS.forget(sha256)
    with pytest.raises(ValueError, match=r"'stripes' was registered in .*no file given with --use"):
        used_by(SPECS["nano_convmixer"], DataConfig(name="stripes"))
    for registry, name in made:
        registry.forget(name)


def test_a_study_with_a_file_is_trained_in_a_worker_and_read_when_the_file_has_changed(
    tmp_path: Path, ideas: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del ideas
    file = study_file(tmp_path, use="use: [my_ideas.py]\n", data="stripes")
    places = ["--file", str(file), "--runs", str(tmp_path / "runs")]
    for words in (["run", "mine", "--workers=1"], ["run", "mine"], ["report", "mine"]):
        assert main([*words, *places]) == 0, capsys.readouterr().err
    assert "my loss" in capsys.readouterr().out
    (run,) = (tmp_path / "runs" / "all").iterdir()
    (copy,) = (run / "code").iterdir()
    assert copy.read_text(encoding="utf-8") == IDEAS
    forget_all()
    (tmp_path / "my_ideas.py").write_text(f"{IDEAS}\n# another content\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["plan", "mine", "--no-time", *places]) == 0
    said = capsys.readouterr().out
    assert "stale" in said
    assert re.search(r"my_ideas.py\s+has\s+changed\s+since\s+1\s+run\s+of\s+mine", said)
    forget_all()
    here = ["--runs", str(tmp_path / "runs")]
    for verb, name in (("evaluate", "mine/own/0"), ("evaluate", run.name), ("show", run.name)):
        assert main([verb, name, *here]) == 0, capsys.readouterr().err
        assert "has changed since" in capsys.readouterr().out
        forget_all()
    torch_file = ["--format", "torch", "--out", str(tmp_path / "own.pt")]
    assert main(["export", "mine/own/0", *here, *torch_file]) == 0, capsys.readouterr().err
    (line,) = re.findall(r"load it with: (.*)", capsys.readouterr().out)
    forget_all()
    exec(f"import torch, lit_models; {line}", {})
    forget_all()
    assert main(["report", "mine", *here]) == 0, capsys.readouterr().err
    assert main(["evaluate", "mine/own/0", *here, "--use", str(tmp_path / "my_ideas.py")]) == 2
    assert re.search(r"^ablate: .*config.json: .* Leave --use", capsys.readouterr().err)


def test_every_name_of_the_public_face_is_there() -> None:
    assert all(getattr(extend, name) is not None for name in extend.__all__)
