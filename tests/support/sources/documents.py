"""The code blocks of a Markdown page, typed as a reader would type them, from an empty folder.

What a block is comes from its language: `sh` (commands), `python`, `yaml` (a study file), `text`
(a drawing, nothing to run). A block whose first line is a comment with a file name is saved under
it. An HTML comment before a block says what a reader does not see:

    <!-- test: setup        commands that are run before it
    mkdir photos -->
    <!-- test: plan -->     too large to run here: its command lines are parsed, its studies planned
    <!-- test: needs ffcv -->   an optional package: without it Python is only compiled
    <!-- test: with recipe.epochs=1 -->   added to what `ablate plan` and `ablate run` are asked
"""

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from ablations.cli import main, make_parser
from ablations.extensions.loading import EXTENSIONS
from tests.support.project import PROJECT

LANGUAGES = ("sh", "python", "yaml", "text")
_DIRECTIVE = re.compile(r"<!-- test: (setup|plan|needs|with)\b\s*(.*?)\s*-->", re.DOTALL)
_FILE = re.compile(r"# (\w+\.(?:py|yaml))\b")
_STUDY_VERBS = ("plan", "run", "status", "report")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it stands, what it is, and the directives before it."""

    place: str
    language: str
    text: str
    directives: dict[str, str]

    @property
    def file(self) -> str | None:
        """The name under which a reader saves it."""
        match = _FILE.match(self.text)
        return match[1] if match else None


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found: list[Block] = []
    directives: dict[str, str] = {}
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            directives |= dict(_DIRECTIVE.findall(token.content))
        elif token.type == "fence":
            line = token.map[0] + 1 if token.map else 0
            place = f"{page.name}:{line}"
            found.append(Block(place, token.info.strip(), token.content, directives))
            directives = {}
    return found


@dataclass
class Reader:
    """Someone in an empty folder who types one page."""

    folder: Path
    names: dict[str, Any] = field(default_factory=dict)

    def follow(self, block: Block) -> None:
        """Do what a block says; whatever fails, fails with the block's place."""
        assert block.language in LANGUAGES, f"{block.place}: a block needs one of {LANGUAGES}"
        try:
            for line in commands(block.directives.get("setup", "")):
                self.type(line, "")
            if block.file:
                (self.folder / block.file).write_text(block.text, encoding="utf-8")
            if block.language == "sh":
                for line in commands(block.text):
                    act = plan if "plan" in block.directives else self.type
                    act(line, block.directives.get("with", ""))
            elif block.language == "yaml":
                self.study_file(block)
            elif block.language == "python" and not block.file:
                code = compile(block.text, block.place, "exec")
                package = block.directives.get("needs")
                if package is None or importlib.util.find_spec(package):
                    with _inside(self.folder):
                        exec(code, self.names)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{block.place}: {type(error).__name__}: {error}") from error

    def type(self, line: str, more: str) -> None:
        """Run one command line."""
        words = shlex.split(line)
        if words[0] == "ablate" and not {"|", ">", "&&"} & set(words):
            ablate([*words[1:], *_added(words, more)], self.folder)
            return
        environment = os.environ | {"PYTHONPATH": str(PROJECT), "PATH": _path(self.folder)}
        done = subprocess.run(
            ["bash", "-euc", line],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def study_file(self, block: Block) -> None:
        """Plan every study of a file of one's own."""
        path = self.folder / (block.file or "block.yaml")
        path.write_text(block.text, encoding="utf-8")
        content = yaml.safe_load(block.text)
        ablate(["list", "--file", path.name], self.folder)
        for study in content.get("studies", {}):
            ablate(["plan", study, "--no-time", "--file", path.name], self.folder)


def commands(text: str) -> Iterator[str]:
    """The command lines of a shell block, without comments; a backslash goes on in the next."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield line.partition("  #")[0].strip()


def ablate(arguments: list[str], folder: Path) -> str:
    """What `ablate` prints, in this process, where runs train one by one."""
    if arguments[0] == "run" and "--workers" not in arguments:
        arguments = [*arguments, "--workers", "0"]
    out, err = io.StringIO(), io.StringIO()
    with _inside(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as end:  # as argparse ends --version
            code = int(end.code or 0)
    assert code == 0, f"ablate {shlex.join(arguments)}\n{out.getvalue()}{err.getvalue()}"
    return out.getvalue()


def plan(line: str, more: str) -> None:
    """Check a command that would take too long: `ablate` parses it and plans its study."""
    words = [w for w in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=\S+", w)]
    for command in _split(words):
        if command[0] == "ablate":
            options, rest = make_parser().parse_known_args(command[1:])
            assert not [word for word in rest if word.startswith("-")], line
            if command[1] in _STUDY_VERBS and getattr(options, "study", None):
                asked = [w for w in command[2:] if "=" in w and not _of_a_file(w)]
                given = [*asked, *more.split()]
                _planned(options.study, given)
        elif command[0] == "make":
            makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
            assert all(re.search(f"^{target}:", makefile, re.M) for target in command[1:]), line
        else:
            raise AssertionError(f"nothing is known about {line}")


def _of_a_file(word: str) -> bool:
    """Whether a setting asks for weights that only a training makes."""
    keys = ("recipe.start_from=", "recipe.teacher=", "recipe.distillation=", "-")
    return word.startswith(keys)


def _planned(study: str, overrides: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["plan", study, "--no-time", *overrides]) == 0, f"{study} {overrides}"


def _split(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in [*words, "&&"]:
        if word == "&&":
            yield command
            command = []
        else:
            command.append(word)


def _added(words: list[str], more: str) -> list[str]:
    return more.split() if words[1] in ("plan", "run") else []


def _path(folder: Path) -> str:
    """A PATH whose `ablate` is this checkout's and whose `python` is the one that runs."""
    programs = folder.with_name(f"{folder.name}-programs")
    programs.mkdir(exist_ok=True)
    for name, call in (("ablate", "-m ablations"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {call} "$@"\n')
        (programs / name).chmod(0o755)
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


@contextlib.contextmanager
def nothing_registered() -> Iterator[None]:
    """Take back what the files of a page have registered: other tests run in this process."""
    try:
        yield
    finally:
        for sha256, extension in list(EXTENSIONS.items()):
            for registry, name in extension.made:
                registry.forget(name)
            EXTENSIONS.forget(sha256)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    with contextlib.chdir(folder):
        yield
