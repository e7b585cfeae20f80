"""Every code block of every page is typed from an empty folder; links and named files are there."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.project import PROJECT
from tests.support.sources.documents import Reader, blocks, commands, nothing_registered
from tests.support.sources.structure import modules

PACKAGES = ("lit_models", "datamodules", "ablations")
PAGES = [
    PROJECT / "README.md",
    *sorted(page for p in (*PACKAGES, "tests") for page in (PROJECT / p).rglob("README.md")),
]
INSIDE = [page for page in PAGES if page.parent != PROJECT]


def named(page: Path) -> str:
    return str(page.relative_to(PROJECT))


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=named)
def test_every_block_of_a_page_does_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("ABLATE_RUNS", "ABLATE_DATA"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    reader = Reader(folder)
    with nothing_registered():
        for block in blocks(page):
            reader.follow(block)


def test_few_blocks_are_only_planned() -> None:
    """A block that is not run says so; more of them are a decision that this number shows."""
    kinds = Counter(
        "planned" if "plan" in block.directives else block.language
        for page in PAGES
        for block in blocks(page)
    )
    assert kinds["planned"] <= 9
    assert kinds["sh"] >= 6
    assert kinds["python"] >= 5
    assert kinds["yaml"] >= 6


def test_the_first_page_is_short() -> None:
    assert PAGES[0].read_text(encoding="utf-8").count("\n") <= 200


@pytest.mark.parametrize("page", INSIDE, ids=named)
def test_what_flows_where_is_short(page: Path) -> None:
    """What flows through and which file is for which change; references follow below a heading."""
    opening, _, _ = page.read_text(encoding="utf-8").partition("\n## ")
    assert 8 <= opening.count("\n") <= 40


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading_of_it(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert "://" in link or target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """What a link may name after `#`: the headings as GitHub spells them, and marked places."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    spelled = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return spelled | set(re.findall(r'<a id="(.*?)">', text))


@pytest.mark.parametrize("page", INSIDE, ids=named)
def test_every_file_that_a_package_page_names_is_there(page: Path) -> None:
    """`room/file.py` is meant from the page's folder or the project's, `file.py` from below it."""
    for name in re.findall(r"`([\w/.]+\.py)`", page.read_text(encoding="utf-8")):
        assert list(page.parent.rglob(name)) or (PROJECT / name).exists(), name


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_of_a_package_is_told_of(package: str) -> None:
    """In a page of its own or by name in the package's page."""
    page = (PROJECT / package / "README.md").read_text(encoding="utf-8")
    homes = {path.parent for path in modules(PROJECT, [package]).values()} - {PROJECT / package}
    for home in homes:
        above = home if home.parent == PROJECT / package else home.parent
        assert (home / "README.md").exists() or f"`{above.name}/`" in page, home


# What the checks are worth: each kind of block fails where it is wrong, with its place.


@pytest.mark.parametrize(
    "block",
    [
        "```sh\nablate plan no_such_study --no-time\n```",
        "```sh\nls no_such_file\n```",
        "```python\nimport no_such_module\n```",
        "```yaml\nstudies: {mine: {recipe: no_such_recipe}}\n```",
        "```\nno language\n```",
        "<!-- test: plan -->\n```sh\nablate run convnext_nano --no-such-option\n```",
        "<!-- test: plan -->\n```sh\nablate run convnext_nano recipe.no_such_key=1\n```",
        "<!-- test: plan -->\n```sh\nmake no-such-target\n```",
        "<!-- test: setup\nls no_such_file -->\n```text\na drawing\n```",
    ],
)
def test_a_wrong_block_is_found(block: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{block}\n")
    (wrong,) = blocks(page)
    with pytest.raises(AssertionError, match=r"page.md:\d"):
        Reader(tmp_path).follow(wrong)


def test_commands_of_a_block_are_whole_lines_without_comments() -> None:
    text = "# first\nablate list  # all\nablate plan a \\\n  b=1\n\nls 'a # b'\n"
    assert list(commands(text)) == ["ablate list", "ablate plan a    b=1", "ls 'a # b'"]
