"""`ablate list`: what there is to run, and what it is made of."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from textwrap import fill
from types import MappingProxyType
from typing import Any

from ablations.commands.parsing import add_json, add_places, typed
from ablations.files.markup import printable
from ablations.files.plain_text import as_json
from ablations.studies.config import shipped_experiments
from ablations.studies.listing import listing
from ablations.studies.study_file import check_values, read_source
from lit_models.registry.names import close_names, nearest

# What may be asked for, and its key in what `--json` prints.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "studies": "studies",
        "trajectories": "trajectories",
        "networks": "networks",
        "steps": "steps",
        "primitives": "primitives",
        "data": "datasets",
        "recipes": "recipes",
    }
)
_HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "studies": "",
        "trajectories": "",
        "networks": "networks, and timm/NAME for any of timm's",
        "steps": "steps of networks",
        "primitives": "primitives of blocks, for the step extra=NAME",
        "datasets": "data sets",
        "recipes": "recipes",
    }
)
_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `ablate list`."""
    kinds = ", ".join(KINDS)
    parser.add_argument("kind", nargs="?", metavar="KIND", help=f"{kinds}; default: everything")
    parser.add_argument(
        "pattern",
        nargs="?",
        metavar="PATTERN",
        help="names to list, such as 'convnext_*'; a shell expands * without the quotes",
    )
    add_places(parser)
    add_json(parser, instead_of="text")


def command(options: argparse.Namespace) -> int:
    """Print what there is of a kind, or of every kind. `--json` prints what `listing` describes.

    With a kind it is that list alone. Raises ValueError for an unknown kind, and for a pattern
    that no name matches.
    """
    if options.kind is not None and options.kind not in KINDS:
        raise ValueError(f"{options.kind!r} is no kind to list. {nearest(options.kind, KINDS)}")
    source = read_source(options.file)
    if source.path.resolve() != shipped_experiments():  # that one is under test
        check_values(source)  # of all studies: a command that takes one looks at that one
    found = listing(source)
    if options.kind is None:
        print(as_json(found)) if options.json else _print(found)
        return 0
    entries = found[KINDS[options.kind]]
    if options.pattern is not None:
        entries = _matching(entries, options)
    print(as_json(entries)) if options.json else _PRINT[KINDS[options.kind]](entries)
    return 0


def _matching(
    entries: Sequence[dict[str, Any]], options: argparse.Namespace
) -> list[dict[str, Any]]:
    known, pattern = [entry["name"] for entry in entries], options.pattern
    matching = [entry for entry in entries if fnmatchcase(entry["name"], pattern)]
    if not matching:
        close = close_names(pattern, known)
        meant = f"Did you mean {' or '.join(close)}? " if close else ""
        raise ValueError(
            f"none of the {options.kind} is called {pattern!r}. {meant}"
            f"{typed(options).hint('list', options.kind)} shows all {len(known)}"
        )
    return matching


def _print(found: Mapping[str, list[dict[str, Any]]]) -> None:
    for key, heading in _HEADINGS.items():
        if key != "studies":
            _say("")
        if heading:
            _say(heading)
        _PRINT[key](found[key])


def _print_studies(studies: Sequence[Mapping[str, Any]]) -> None:
    for study in studies:
        _say(f"{_named(study)}  {study['title']}")
        if study["description"]:
            _say(f"    {study['description']}")
        line = study["trajectory"] or f"{len(study['networks'])} networks"
        kind = f", {study['points']}" if study["points"] != "networks" else ""
        folder = f" ({study['folder']})" if study["folder"] else ""
        _say(
            f"    {line}{kind}, data {study['data']}{folder}, "
            f"recipe {study['recipe']}, seeds {study['seeds']}"
        )


def _print_trajectories(trajectories: Sequence[Mapping[str, Any]]) -> None:
    for number, trajectory in enumerate(trajectories):
        if number:
            _say("")
        _say(f"trajectory {_named(trajectory)}  {trajectory['title']}")
        group = ""
        for place, step in enumerate(trajectory["steps"], start=1):
            if step["group"] not in ("", group):
                group = step["group"]
                _say(f"    {group}")
            also = f" (also {', '.join(step['alternatives'])})" if step["alternatives"] else ""
            _say(f"  {place:2} {step['name']:22} {step['summary']}{also}")


def _print_networks(networks: Sequence[Mapping[str, Any]]) -> None:
    every = ", ".join(map(_named, networks))
    _say(fill(every, _WIDTH, initial_indent="  ", subsequent_indent="  "))


def _print_steps(steps: Sequence[Mapping[str, Any]]) -> None:
    for step in steps:
        _say(f"  {_named(step):22} {step['text']}")
        _say(f"  {'':22} {step['summary']} ({step['source']})")


def _print_primitives(primitives: Sequence[Mapping[str, Any]]) -> None:
    for one in primitives:
        source = f" ({one['source']})" if one["source"] else ""
        _say(f"  {_named(one):22} {one['title']}: {one['summary']}{source}")
        _say(f"  {'':22} after {', '.join(one['after'])}")
        for option in one["options"]:
            _say(f"  {'':22} {option['name']}={option['default']}  {option['values']}")


def _print_datasets(datasets: Sequence[Mapping[str, Any]]) -> None:
    for info in datasets:
        _say(f"  {_named(info):15} {info['title']}")


def _print_recipes(recipes: Sequence[Mapping[str, Any]]) -> None:
    for recipe in recipes:
        _say(
            f"  {_named(recipe):15} {recipe.get('epochs', '?')} epochs, batch "
            f"{recipe.get('batch_size', '?')}, {recipe.get('optimizer', '?')}"
        )


def _named(entry: Mapping[str, Any]) -> str:
    """The name, and the file's where it is one's own."""
    file = f" ({Path(entry['file']).name})" if "file" in entry else ""
    return f"{entry['name']}{file}"


def _say(text: str) -> None:
    print(printable(text))


_PRINT: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], None]] = MappingProxyType(
    {
        "studies": _print_studies,
        "trajectories": _print_trajectories,
        "networks": _print_networks,
        "steps": _print_steps,
        "primitives": _print_primitives,
        "datasets": _print_datasets,
        "recipes": _print_recipes,
    }
)
