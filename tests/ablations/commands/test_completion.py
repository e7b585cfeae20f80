"""What a shell completes: verbs, options, names, keys of overrides; in bash as it is typed."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ablations.cli import main
from lit_models import TRAJECTORIES
from tests.support.fabricate import cumulative, fabricate_study
from tests.support.project import PROJECT


def completed(line: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The words that the last one of a command line may become."""
    assert main(["complete", line]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("ablate", []),
        ("ablate pl", ["plan"]),
        (".venv/bin/ablate exp", ["export"]),
        ("ablate exec", []),  # only programs type it
        ("ablate bench ", ["corruptions", "grid", "loader", "train"]),
        ("ablate plan convnext_nano_p", ["convnext_nano_photographs"]),
        ("ablate plan --no-time --runs x convnext_nano_p", ["convnext_nano_photographs"]),
        ("ablate plan --no", ["--no-time"]),
        ("ablate plan x --runs ", []),  # a folder
        ("ablate status x y", []),  # nothing may follow
        ("ablate run x recipe.mixup_m", ["recipe.mixup_mode="]),
        ("ablate run x recipe.mixup_mode=p", ["recipe.mixup_mode=pair"]),
        ("ablate run x y=1 recipe.augment.hf", ["recipe.augment.hflip="]),
        ("ablate run x recipe=qu", ["recipe=quick"]),
        ("ablate run x data.name=fash", ["data.name=fashion_mnist"]),
        ("ablate run x recipe.blur_pool=", ["recipe.blur_pool=false", "recipe.blur_pool=true"]),
        ("ablate list net", ["networks"]),
        ("ablate list networks nano_conv", ["nano_convmixer", "nano_convnext", "nano_convnext_"]),
        ("ablate export x --format t", ["timm", "torch"]),
        ("ablate import x --model replknet_31b", ["replknet_31b", "replknet_31b_merged"]),
        ("ablate evaluate x cifar", ["cifar10", "cifar100"]),
        ("ablate robustness convnext_nano_p", ["convnext_nano_photographs"]),
        ("ablate robustness x cifar", ["cifar10", "cifar100"]),
        ("ablate robustness x --suite oc", ["occlusion"]),
        ("ablate robustness x --suite quick,at", ["quick,attacks"]),
        ("ablate data write dig", ["digits"]),
        ("ablate plan 'convnext", []),  # within a quotation
    ],
)
def test_a_word_becomes_what_may_stand_there(
    line: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = completed(line, capsys)
    assert len(found) == len(words)
    for word, beginning in zip(found, words, strict=True):
        assert word.startswith(beginning)


def test_names_come_from_the_file_and_the_runs_that_were_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("studies: {mine: {trajectory: convnext_nano}}")
    points = cumulative(TRAJECTORIES["convnext_nano"], alternatives=False)[:1]
    fabricate_study(tmp_path / "runs", study="mine_again", points=points, seeds=(0,))
    places = f"--file {file} --runs {tmp_path / 'runs'}"

    assert completed(f"ablate report {places} min", capsys) == ["mine", "mine_again"]
    assert completed(f"ablate show {places} min", capsys) == ["mine_again/"]
    monkeypatch.setenv("HOME", str(tmp_path))
    for places_too in ("--file=~/own.yaml --runs=~/runs", "--file ~/own.yaml --runs ~/runs"):
        assert completed(f"ablate report {places_too} min", capsys) == ["mine", "mine_again"]
    file.write_text("studies: [")
    assert completed(f"ablate report {places} min", capsys) == ["mine_again"]


class Bash:
    """An interactive bash with `ablate` on its path and the completion sourced."""

    def __init__(self, folder: Path) -> None:
        program = folder / "ablate"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ablations "$@"\n')
        program.chmod(0o755)
        path = f"{folder}:{os.environ['PATH']}"
        theirs, self.terminal = pty.openpty()[::-1]
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT), "PS1": "> "},
            start_new_session=True,
        )
        os.close(theirs)
        self.type("source <(ablate completion bash); echo rea''dy\n", until="ready")

    def type(self, text: str, *, until: str) -> str:
        """Type, and return what is shown as soon as it holds a text."""
        os.write(self.terminal, text.encode())
        shown, end = "", time.monotonic() + 30
        while until not in shown and time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.1)[0]:
                shown += os.read(self.terminal, 65536).decode(errors="replace")
        return shown

    def end(self) -> None:
        """Close it."""
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


def test_a_real_bash_completes_what_is_typed(tmp_path: Path) -> None:
    bash = Bash(tmp_path)
    try:
        for typed, becomes in (
            ("ablate pl\t", "ablate plan "),
            ("ablate run convnext_nano_p\t", "convnext_nano_photographs "),
            ("ablate run x recipe.mixup_mode=el\t", "recipe.mixup_mode=elem "),
            ("ablate list net\tnano_repl\t", "networks nano_replknet "),
        ):
            assert becomes in bash.type(typed, until=becomes)
            bash.type("\x15echo em''pty\n", until="empty")
    finally:
        bash.end()


def test_both_scripts_ask_the_program_that_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    for shell, word in (("bash", "COMP_WORDS[0]"), ("zsh", "words[1]")):
        assert main(["completion", shell]) == 0
        assert re.search(rf'"\$\{{{re.escape(word)}\}}" complete ', capsys.readouterr().out)
    with pytest.raises(SystemExit):
        main(["completion", "fish"])
