"""Parsers of the command line that are filled when they are used, and options that verbs share.

A verb is a module with `add_arguments(parser)` and `command(options)`, which returns the exit code.
Only the module of the verb that was typed is imported, so that `ablate --help` answers at once.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.store.hints import Typed
from ablations.store.runs import RUNS_VARIABLE
from lit_models.registry.names import nearest

OVERRIDES = (
    "any key of the study for this command, such as recipe.epochs=3, seeds=[0,1,2], "
    "data=fashion_mnist, hardware.devices=2"
)


@dataclass(frozen=True)
class Verb:
    """A verb, or a verb below one: its module, and a line of help (empty: it is not listed)."""

    module: str
    help: str = ""


class VerbParser(argparse.ArgumentParser):
    """A parser to which its verb's module adds the arguments when they are first needed."""

    def __init__(
        self,
        *arguments: Any,
        module: str = "",
        above: "VerbParser | None" = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.module = module
        self.root: VerbParser = self if above is None else above.root
        self.verbs: dict[str, VerbParser] = {}
        self.listed: tuple[str, ...] = ()

    def complete(self) -> "VerbParser":
        """Import the module and let it add its arguments, once; the parser itself."""
        if self.module:
            module, self.module = importlib.import_module(self.module), ""
            module.add_arguments(self)
            if not self.verbs:
                self.set_defaults(command=module.command, root=self.root)
                about = "show the traceback of an error"
                self.add_argument("--debug", action="store_true", help=about)
        return self

    def add_verbs(self, verbs: Mapping[str, Verb], *, dest: str, metavar: str) -> None:
        """Let one of these follow."""
        action = self.add_subparsers(dest=dest, required=True, metavar=metavar)
        for name, verb in verbs.items():
            text = verb.help
            about = dict[str, Any]()
            if text:  # argparse lists the verbs that have a help text
                about = {"help": text, "description": f"{text[0].upper()}{text[1:]}."}
            self.verbs[name] = action.add_parser(name, module=verb.module, above=self, **about)
        self.listed = tuple(name for name, verb in verbs.items() if verb.help)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse does it; an unknown verb is answered with the nearest one."""
        args = sys.argv[1:] if args is None else args
        typed = next((text for text in args if not text.startswith("-")), None)
        if self.complete().verbs and typed is not None and typed not in self.verbs:
            self.error(f"there is no `{self.prog} {typed}`. {nearest(typed, self.listed)}")
        return super().parse_known_args(args, namespace)


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add where the studies are read from, and where runs lie."""
    parser.add_argument(
        "--file", type=Path, metavar="PATH", help="default: ./experiments.yaml, else the project's"
    )
    about = "a Python file that registers steps, primitives, data sets ...; may be repeated"
    parser.add_argument("--use", type=Path, action="append", default=[], metavar="FILE", help=about)
    where = f"the runs folder; default: ${RUNS_VARIABLE}, else ./runs"
    parser.add_argument("--runs", type=Path, metavar="DIR", help=where)


def add_json(parser: argparse.ArgumentParser, *, instead_of: str = "a table") -> None:
    """Add the option that prints JSON."""
    parser.add_argument("--json", action="store_true", help=f"print JSON instead of {instead_of}")


def add_study(parser: argparse.ArgumentParser) -> None:
    """Add the name of a study."""
    parser.add_argument("study", metavar="NAME", help="a study, see `ablate list`")


def add_overrides(parser: argparse.ArgumentParser, *, text: str = OVERRIDES) -> None:
    """Add `key=value` words; they may also stand after options, see `ablations.cli.main`."""
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=text)


def add_name(parser: argparse.ArgumentParser) -> None:
    """Add another name for the results of a study."""
    parser.add_argument(
        "--as",
        dest="name",
        metavar="NAME",
        help="keep index, report and board under this name, beside those of the study itself; "
        "runs are shared",
    )


def typed(options: argparse.Namespace) -> Typed:
    """What hints repeat of the options."""
    return Typed(
        file=options.file,
        runs=options.runs,
        use=getattr(options, "use", None) or (),
        study=getattr(options, "study", None) or "",
        overrides=getattr(options, "overrides", ()),
        name=getattr(options, "name", None),
    )


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option: a whole number of `least` or more."""

    def number(text: str) -> int:
        found = int(text)
        if found < least:
            raise argparse.ArgumentTypeError(f"give a number of {least} or more")
        return found

    return number
