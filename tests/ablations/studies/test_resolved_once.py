"""What a plan needs is found out once, however many rows, sentences and tables need it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ablations.cli import main
from ablations.planning import plan as planning
from ablations.studies import study_file
from datamodules.catalog import layout
from tests.support.images.image_trees import write_tree

Spy = Callable[[Any, str], None]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], Spy]:
    """How often functions are called, and what lets a function be counted."""
    counted: Counter[str] = Counter()

    def spy(module: Any, name: str) -> None:
        real = getattr(module, name)

        def called(*given: Any, **named: Any) -> Any:
            counted[name] += 1
            return real(*given, **named)

        monkeypatch.setattr(module, name, called)

    return counted, spy


def test_a_plan_of_a_folder_lists_it_once_and_makes_each_network_once(
    tmp_path: Path, calls: tuple[Counter[str], Spy], capsys: pytest.CaptureFixture[str]
) -> None:
    counted, spy = calls
    for module, name in (
        (layout, "list_tree"),
        (planning, "resolve"),
        (planning, "network_after"),
        (planning, "run_config"),
        (study_file, "load_scope"),
    ):
        spy(module, name)
    tree = write_tree(tmp_path / "tree")
    data = f"data={{name: image_folder, folder: {tree}, image_size: 32}}"
    words = ["convnext_nano", "--no-time", "--json", "--runs", str(tmp_path), data, "seeds=[0,1]"]
    assert main(["plan", *words]) == 0
    assert capsys.readouterr().out.count('"run_id"') == 26
    points = {"network_after": 13}
    once = dict.fromkeys(("list_tree", "resolve", "run_config", "load_scope"), 1)
    assert counted == {**points, **once}
