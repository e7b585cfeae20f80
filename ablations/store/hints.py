"""Commands that a message suggests: they can be typed, and repeat the options of the last one."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.store.runs import runs_root


@dataclass(frozen=True)
class Typed:
    """The part of a command line that the next one needs, too.

    Attributes:
        file: --file; None: the default.
        runs: --runs; None: the default.
        use: each --use.
        study: the study that was named, as the file calls it.
        overrides: `key=value` words.
        name: --as; None: the study's own name.
    """

    file: Path | None = None
    runs: Path | None = None
    use: Sequence[Path] = ()
    study: str = ""
    overrides: Sequence[str] = ()
    name: str | None = None

    def hint(self, verb: str, *words: str) -> str:
        """`ablate VERB WORDS` with the places that were typed, quoted for a shell."""
        return f"`{shlex.join(['ablate', *self.words(verb, *words)])}`"

    def words(self, verb: str, *words: str) -> list[str]:
        """The same as words, without `ablate`."""
        places = [("--file", self.file), ("--runs", self.runs), *(("--use", u) for u in self.use)]
        options = [part for option, path in places if path for part in (option, str(path))]
        return [verb, *words, *options]

    def again(self, verb: str, *, name: str | None = None) -> str:
        """The same study with the same overrides; `name` is another --as."""
        name = name or self.name
        return self.hint(verb, self.study, *self.overrides, *(["--as", name] if name else []))


def hint(verb: str, *words: str, root: Path, file: Path | None = None) -> str:
    """`ablate VERB WORDS` for a runs folder, which is named unless it is the default."""
    return Typed(file=file, runs=None if root == runs_root() else root).hint(verb, *words)
