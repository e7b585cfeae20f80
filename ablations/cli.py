"""The command line: what can be typed, how errors are shown. Each verb is a function elsewhere."""

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import cast

from ablations.commands.data_arguments import add_data
from ablations.commands.export_arguments import add_export
from ablations.commands.train_bench_arguments import add_train_bench
from ablations.commands.weights_arguments import add_weights
from ablations.files.markup import printable
from ablations.process.disk import disk_is_full, is_full
from ablations.process.output import flush_or_lose, open_missing
from ablations.store.runs import RUNS_VARIABLE

Command = Callable[[argparse.Namespace], int]

# Verb -> module:function, imported only when typed, so that --help answers at once.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "list": "ablations.commands.listing:command",
        "plan": "ablations.commands.planning:command",
        "run": "ablations.commands.running:command",
        "status": "ablations.commands.comparing:status",
        "report": "ablations.commands.comparing:report",
        "board": "ablations.commands.comparing:board",
        "show": "ablations.commands.show:command",
        "bench": "ablations.commands.bench:command",
        "data": "ablations.commands.data:command",
        "export": "ablations.commands.export:command",
        "import": "ablations.commands.import_weights:command",
        "evaluate": "ablations.commands.evaluate:command",
        "exec-run": "ablations.commands.running:exec_run",
    }
)
USAGE_ERROR = 2
_OVERRIDES = (
    "any key of the study for this command, such as recipe.epochs=3, seeds=[0,1,2], "
    "data=fashion_mnist, hardware.devices=2"
)


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
    module, _, function = COMMANDS[options.verb].partition(":")
    try:
        command = cast("Command", getattr(importlib.import_module(module), function))
        code = command(options)
        sys.stdout.flush()  # here, where a reader that has gone away is no error
        return code
    except (ValueError, OSError) as error:
        return _explain(error, debug=options.debug)
    except KeyboardInterrupt:
        return 130


def make_parser() -> argparse.ArgumentParser:
    """Every verb with its arguments."""
    parser = argparse.ArgumentParser(
        prog="ablate", description="Which design decision does the work? Step-by-step ablations."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add(verbs, "list", "studies, trajectories with their steps, data sets, recipes", json=True)
    plan = _add(
        verbs, "plan", "every run of a study, with cost and state; trains nothing", json=True
    )
    _study(plan, overrides=True)
    plan.add_argument(
        "--no-time", action="store_true", help="skip the measured estimate of the time it takes"
    )
    run = _add(verbs, "run", "train what is not done")
    _study(run, overrides=True)
    run.add_argument(
        "--workers",
        type=_workers,
        metavar="N",
        help="runs at a time; default: one a GPU, or one a CPU core; 0 trains in this process",
    )
    _study(_add(verbs, "status", "how far the runs of a study are, from files alone", json=True))
    _study(_add(verbs, "report", "the comparison: tables, figures, HTML", json=True))
    board = _add(verbs, "board", "TensorBoard on 127.0.0.1")
    board.add_argument("study", nargs="?", metavar="NAME", help="a study; default: all of them")
    board.add_argument("--port", type=int, metavar="PORT", help="default: a free one from 6006 on")
    show = _add(verbs, "show", "one run: spec, difference to the step before, metrics", json=True)
    show.add_argument("run", metavar="RUN", help="a run id, the start of one, or STUDY/POINT/SEED")
    add_export(_add(verbs, "export", "a trained network as one file, its weights merged"))
    bench = _add(verbs, "bench", "measure the project itself", json=True)
    bench.add_argument(
        "what",
        choices=["grid", "loader", "train"],
        help="grid: the fixed cost of a run in a grid; loader: every way to load images, in turns; "
        "train: our networks beside timm's, forward and training steps, in turns",
    )
    bench.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="loader: betons; default: photographs"
    )
    bench.add_argument("--workers", type=_workers, metavar="N", help="grid: runs at a time")
    bench.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="loader, train: default 5"
    )
    bench.add_argument("--images", type=int, default=512, metavar="N", help="loader: default 512")
    bench.add_argument(
        "--out", type=Path, metavar="FILE.json", help="loader, train: keep the numbers"
    )
    add_train_bench(bench)
    add_data(verbs)
    add_weights(verbs)
    # No help text: only the launcher types it.
    hidden = verbs.add_parser("exec-run")
    hidden.add_argument("folder", type=Path)
    hidden.add_argument("--debug", action="store_true")
    return parser


def _add(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    *,
    json: bool = False,
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument(
        "--file", type=Path, metavar="PATH", help="default: ./experiments.yaml, else the project's"
    )
    where = f"the runs folder; default: ${RUNS_VARIABLE}, else ./runs"
    parser.add_argument("--runs", type=Path, metavar="DIR", help=where)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _study(parser: argparse.ArgumentParser, *, overrides: bool = False) -> None:
    parser.add_argument("study", metavar="NAME", help="a study, see `ablate list`")
    if overrides:
        parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=_OVERRIDES)


def _workers(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("give a number of 0 or more")
    return number


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
