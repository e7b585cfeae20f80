"""`ablate complete LINE`: what the last word of a command line may become. For shells only."""

import argparse
import shlex
from collections.abc import Iterable, Sequence

from ablations.commands.parsing import VerbParser
from ablations.commands.shell.names import Place, names_at


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What follows `ablate complete`."""
    parser.add_argument("line", help="the command line up to the cursor")


def command(options: argparse.Namespace) -> int:
    """Print each word that the last one may become, a line each."""
    try:
        words = shlex.split(options.line)
    except ValueError:  # within a quotation
        return 0
    if options.line.endswith((" ", "\t")):
        words.append("")
    if len(words) < 2:  # `ablate` itself is not over yet
        return 0
    for word in candidates(options.root, words[1:-1], words[-1]):
        print(word)
    return 0


def candidates(parser: VerbParser, before: Sequence[str], current: str) -> list[str]:
    """Words that begin with `current` and may stand after `before`; none where files may."""
    place = find_place(parser, before, current)
    if current.startswith("-") and not _wants_value(place.action):
        words: Iterable[str] = (text for a in place.parser._actions for text in a.option_strings)
    elif place.action is None:
        words = place.parser.listed
    elif place.action.choices is not None:
        words = map(str, place.action.choices)
    else:
        words = names_at(place)
    return sorted(word for word in words if word.startswith(current))


def find_place(parser: VerbParser, before: Sequence[str], current: str) -> Place:
    """Follow the words through verbs, options and arguments."""
    parser, taken = parser.complete(), 0
    option: argparse.Action | None = None
    for word in before:
        if option is not None:
            option = None
        elif word.startswith("-"):
            option = parser._option_string_actions.get(word)
            option = option if _wants_value(option) else None
        elif word in parser.verbs:
            parser, taken = parser.verbs[word].complete(), 0
        else:
            taken += 1
    return Place(parser, option or _positional(parser, taken), before, current)


def _wants_value(action: argparse.Action | None) -> bool:
    return action is not None and bool(action.option_strings) and action.nargs != 0


def _positional(parser: VerbParser, taken: int) -> argparse.Action | None:
    """The argument that comes after so many; the last one where it takes any number."""
    arguments = [a for a in parser._actions if not a.option_strings]
    if parser.verbs or not arguments:
        return None
    if taken >= len(arguments) and arguments[-1].nargs != "*":
        return None
    return arguments[min(taken, len(arguments) - 1)]
