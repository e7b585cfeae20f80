"""The command line: its verbs, and how errors are shown. Each verb is a module of `commands`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from ablations.commands.parsing import Verb, VerbParser
from ablations.files.markup import printable
from ablations.process.disk import disk_is_full, is_full
from ablations.process.output import flush_or_lose, open_missing

_ROOM = "ablations.commands"
VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "list": Verb(f"{_ROOM}.list", "studies, trajectories with their steps, data sets, recipes"),
        "plan": Verb(f"{_ROOM}.plan", "every run of a study, with cost and state; trains nothing"),
        "power": Verb(f"{_ROOM}.power", "which differences a number of seeds can show"),
        "run": Verb(f"{_ROOM}.run", "train what is not done"),
        "status": Verb(f"{_ROOM}.status", "how far the runs of a study are, from files alone"),
        "report": Verb(f"{_ROOM}.report", "the comparison: tables, figures, HTML"),
        "attribute": Verb(f"{_ROOM}.attribute", "what each step is worth over all legal orders"),
        "board": Verb(f"{_ROOM}.board", "TensorBoard on 127.0.0.1"),
        "show": Verb(f"{_ROOM}.show", "one run: spec, difference to the step before, metrics"),
        "bench": Verb(f"{_ROOM}.bench.verbs", "measure the project itself"),
        "data": Verb(
            f"{_ROOM}.data.verbs",
            "write, check and describe .beton files, which hold a data set for fast reading",
        ),
        "export": Verb(
            f"{_ROOM}.weights.export", "a trained network as one file, its weights merged"
        ),
        "import": Verb(
            f"{_ROOM}.weights.import_weights",
            "make a checkpoint of published weights; executes nothing",
        ),
        "evaluate": Verb(f"{_ROOM}.weights.evaluate", "the scores of a checkpoint on a data set"),
        "robustness": Verb(
            f"{_ROOM}.robustness.verb",
            "how trained networks do on corrupted, changed, other images",
        ),
        "schema": Verb(f"{_ROOM}.schema", "the JSON Schema of a study file, for editors"),
        "completion": Verb(f"{_ROOM}.shell.script", "a script that completes what is typed"),
        "complete": Verb(f"{_ROOM}.shell.complete"),  # only that script types it
        "exec-run": Verb(f"{_ROOM}.exec_run"),  # only the launcher types it
    }
)
USAGE_ERROR = 2
_NAMED = ("python", "torch", "lightning", "timm")  # by --version


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 for success, 2 for a mistake in what was asked."""
    open_missing()
    parser = make_parser()
    options, rest = parser.parse_known_args(arguments)
    # Overrides may stand after options, which argparse's positionals cannot.
    unknown = [text for text in rest if text.startswith("-") or not hasattr(options, "overrides")]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if rest:
        options.overrides = [*options.overrides, *rest]
    try:
        _use_code(options)
        code: int = options.command(options)
        sys.stdout.flush()  # here, where a reader that has gone away is no error
        return code
    except (ValueError, OSError) as error:
        return _explain(error, debug=options.debug)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        said = _blamed(error)
        if said is None or options.debug:
            raise
        return _explain(ValueError(said), debug=False)


def _use_code(options: argparse.Namespace) -> None:
    """Execute the code of one's own: installed packages', and the files of --use."""
    if not hasattr(options, "use"):
        return
    from ablations.extensions.loading import use
    from ablations.extensions.packages import use_packages

    use_packages()
    for path in options.use:
        use(path)


def _blamed(error: Exception) -> str | None:
    """An error of somebody's own code, as one sentence."""
    from ablations.extensions.loading import blamed

    return blamed(error)


def make_parser() -> VerbParser:
    """Every verb; the arguments of one are added when it is parsed."""
    parser = VerbParser(
        prog="ablate", description="Which design decision does the work? Step-by-step ablations."
    )
    about = "show versions, and the commit of a checkout"
    parser.add_argument("--version", action=_Version, nargs=0, help=about)
    parser.add_verbs(VERBS, dest="verb", metavar="VERB")
    return parser


class _Version(argparse.Action):
    """Prints versions and ends, like argparse's own, which needs the text before it is asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from ablations.store.provenance import git_state, project_version, versions

        git, commit = git_state(), ""
        if git is not None:
            changed = ", with uncommitted changes" if git["diff_sha256"] else ""
            commit = f", commit {git['commit'][:12]}{changed}"
        print(f"ablate {project_version()}{commit}")
        print(", ".join(f"{name} {versions()[name] or 'is not installed'}" for name in _NAMED))
        parser.exit()


def _explain(error: Exception, *, debug: bool) -> int:
    if debug:
        raise error
    if isinstance(error, BrokenPipeError):  # the reader, such as `head`, has seen enough
        for stream in (sys.stdout, sys.stderr):
            flush_or_lose(stream)
        return 1
    text = str(error)
    if isinstance(error, OSError) and is_full(error) and error.filename is not None:
        text = disk_is_full(Path(error.filename))
    with suppress(OSError):  # nobody may be left to read it
        print(printable(f"ablate: {text}"), file=sys.stderr, flush=True)
    return USAGE_ERROR
