"""One nasty text as title, label and message through every output: it comes out as it went in."""

import html
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ablations import report
from ablations.board import server
from ablations.cli import main
from ablations.files.markup import fenced, latex, markdown, printable
from ablations.files.plain_text import as_json
from ablations.terminal.live_table import LiveView
from ablations.terminal.progress import Progress
from ablations.terminal.tables import plan_table, progress_table, say
from tests.support.fabricate import fabricate_networks

# what rich, Markdown, HTML, LaTeX, matplotlib and a terminal would read as something else
NASTY = (
    "[/b] [red]x[/] :smile: a|b *c* _d_ `e` <script>alert(1)</script> & &amp; --> "
    '$x^{2$ $\\frac{1}$ 100% #1 {f} ~g~~ \\h "i" [j](http://k) ![l](m) ```'
)
ESCAPED = "\x1b[31mred\x9b5m\r\n"
RUN = "fashion_mnist-seed0-000000000000"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A study whose title, points, command and failure are nasty."""
    networks = {"a": ["nano_convnext"], "b": ["nano_convnext", "kernel_size=3"]}
    states = {("01_b", 1): "failed"}
    path = fabricate_networks(tmp_path, networks, states=states, seeds=(0, 1)) / "index.json"
    index = json.loads(path.read_text())
    for row in index["rows"]:
        row["step"] = f"{row['step']} {NASTY}"
    index |= {"title": NASTY + ESCAPED, "command": NASTY}
    path.write_text(json.dumps(index))
    failed = tmp_path / "all" / index["rows"][-1]["run_id"] / "status.json"
    failed.write_text(json.dumps({"state": "failed", "message": NASTY + ESCAPED}))
    return tmp_path


def wide() -> Console:
    return Console(file=io.StringIO(), width=1000, force_terminal=False)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_report_says_it_in_every_format(root: Path) -> None:
    paths = report.write_report("made_up", runs_root=root)
    console = wide()
    report.print_terminal("made_up", runs_root=root, console=console)
    assert said(console).count(NASTY) >= 4  # title, points, headline, what is missing
    page = paths.html.read_text()
    assert html.escape(NASTY) in page
    assert "<script" not in page
    assert "\x1b" not in page + said(console) + paths.markdown.read_text()
    assert paths.markdown.read_text().startswith(f"# {markdown(NASTY)} ")
    tables = [x for x in paths.markdown.read_text().splitlines() if x.startswith("| ")]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in tables}
    assert len(cells) == 1, cells  # no cell is cut in two
    for figure in paths.figures:
        drawn = ET.fromstring(figure.read_text())
        assert drawn.tag.endswith("svg")
    assert latex(NASTY) in paths.latex.read_text()
    assert json.loads(paths.json.read_text())[0]["title"] == f"a {NASTY}"


def test_no_unescaped_mark_is_left_for_latex_or_markdown() -> None:
    bare = re.sub(
        r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar)"
        r"\{\}|\\[&%$#_{}]|\\`\{\}|\{\[\}",
        "",
        latex(NASTY),
    )
    assert not set(bare) & set('&%$#_{}\\~^<>|"`[')
    plain = re.sub(r"\\[\\`*<|$~_(!&]", "", markdown(NASTY))
    assert not set(plain) & set("\\`*<|$~")
    assert "](" not in plain
    assert fenced("a ``` b") == "````\na ``` b\n````"
    assert markdown("kernel_size=7 [+0.12, +0.70]") == "kernel_size=7 [+0.12, +0.70]"


def test_the_terminal_shows_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "made_up", "--runs", str(root)]) == 0
    out = capsys.readouterr().out
    assert f"failed: {NASTY}" in out
    assert "\x1b" not in out
    assert main(["show", RUN, "--runs", str(root)]) == 0
    row = Progress(RUN, NASTY, NASTY, 0, "running", 1, 2, {}, 1.0, NASTY)
    console = wide()
    console.print(progress_table([row], title=NASTY, width=1000))
    told: dict[str, Any] = dict.fromkeys(("params", "gmacs", "seconds"))
    told |= {"point": NASTY, "seed": 0, "run_id": RUN, "state": "new"}
    illegal = {**told, "state": "illegal"}
    console.print(plan_table([told, illegal], title=NASTY, width=1000))
    say(console, NASTY + ESCAPED)
    with LiveView(lambda: [row], title=NASTY, console=console):
        pass
    assert said(console).count(NASTY) >= 8
    assert "\x1b" not in said(console)
    assert printable("a\tb\n\x1b[31m") == "a\tb\n\ufffd[31m"


def test_a_nasty_title_of_a_file_is_planned_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = {"title": NASTY + "\x1b[31m", "description": NASTY, "trajectory": "convnext_nano"}
    file = tmp_path / "e.yaml"
    file.write_text(json.dumps({"studies": {"s": {**study, "data": "digits"}}}))
    for command in (["plan", "s", "--no-time", "--runs", str(tmp_path)], ["list"]):
        assert main([*command, "--file", str(file)]) == 0
        out = capsys.readouterr().out
        assert re.sub(r"\s+", " ", NASTY) in re.sub(r"\s+", " ", out)
        assert "\x1b" not in out


def test_json_holds_file_names_of_any_bytes() -> None:
    text = as_json({"message": "b\udcff cannot be read \u00e4"})
    assert text.encode().decode() == text
    assert "\u00e4" in text
    assert json.loads(text) == {"message": "b\udcff cannot be read \u00e4"}


def test_tensorboard_gets_it_as_text(root: Path) -> None:
    from tests.support.event_files import read

    folder = server.refresh("made_up", runs_root=root)
    assert read(folder)
    assert sorted(p.name for p in folder.iterdir() if p.is_dir()) == ["00_a", "01_b"]
