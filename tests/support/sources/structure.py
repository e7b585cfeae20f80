"""How the packages hang together, read from their sources: nothing is imported.

Every check returns sentences that say what is wrong; none is a sound structure.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

from ablations.files.python_source import parse

Arrows = Mapping[str, set[str]]  # name -> names that it needs
Layers = Sequence[
    Sequence[str]
]  # rooms from the lowest to the highest; those of one layer are strangers


def modules(root: Path, packages: Iterable[str]) -> dict[str, Path]:
    """Dotted name -> file of every module below `root`; a package's name stands for its face."""
    files = chain.from_iterable((root / package).rglob("*.py") for package in packages)
    return {_name(path.relative_to(root)): path for path in sorted(files)}


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def syntax(path: Path) -> ast.Module:
    return parse(path.read_text(encoding="utf-8"), name=str(path))


def imports(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """What each module imports of the others, also inside functions and for type checkers only."""
    return {name: {m for m in _imported(path, files) if m != name} for name, path in files.items()}


def _imported(path: Path, files: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in full if name in files)
            if node.module in files and not all(name in files for name in full):
                yield node.module


def folders(arrows: Arrows, files: Mapping[str, Path]) -> dict[str, set[str]]:
    """The same arrows between folders."""
    between: dict[str, set[str]] = {}
    for name, needed in arrows.items():
        home = _folder(files[name])
        others = {_folder(files[other]) for other in needed} - {home}
        between.setdefault(home, set()).update(others)
    return between


def _folder(path: Path) -> str:
    return str(path.parent)


def circles(arrows: Arrows) -> list[str]:
    """One circle of the arrows, when there is any."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return [" needs ".join(reversed(error.args[1]))]
    return []


def against_the_layers(arrows: Arrows, package: str, layers: Layers) -> list[str]:
    """Arrows inside a package that do not run down, and rooms that the layers do not know."""
    floor = {room: number for number, rooms in enumerate(layers) for room in rooms}
    found = {room for name in arrows if (room := _room(name, package))}
    faults = [f"{package}: no room {room!r} stands in the layers" for room in found - floor.keys()]
    faults += [f"{package}: there is no room {room!r}" for room in floor.keys() - found]
    for name, other in ((a, b) for a, needed in arrows.items() for b in needed):
        room, below = _room(name, package), _room(other, package)
        if room in floor and below in floor and room != below and floor[below] >= floor[room]:
            faults.append(f"{name} needs {other}, which is no room below its own")
        elif room in floor and other == package:
            faults.append(f"{name} needs the face of its own package")
    return sorted(faults)


def _room(name: str, package: str) -> str:
    """The folder or module right below a package that a module belongs to, "" for others."""
    return (
        name.removeprefix(f"{package}.").partition(".")[0] if name.startswith(f"{package}.") else ""
    )


def between_packages(arrows: Arrows, allowed: Mapping[str, Sequence[str]]) -> list[str]:
    """Arrows to another package that leads to none of those that the package may use."""
    return sorted(
        f"{name} needs {other}"
        for name, needed in arrows.items()
        for other in needed
        if other.partition(".")[0] != (home := name.partition(".")[0])
        and not any(f"{other}.".startswith(f"{prefix}.") for prefix in allowed[home])
    )


def too_full(files: Mapping[str, Path], *, most: int) -> list[str]:
    """Folders with more modules than `most`; `__init__` is none."""
    homes = [path.parent for path in files.values() if path.name != "__init__.py"]
    return [
        f"{home} has {number} modules: more than {most}"
        for home in sorted(set(homes))
        if (number := homes.count(home)) > most
    ]


def too_long(files: Mapping[str, Path], *, lines: int, function: int) -> list[str]:
    """Files of more than so many lines, and functions."""
    faults = []
    for path in files.values():
        length = path.read_text(encoding="utf-8").count("\n")
        if length > lines:
            faults.append(f"{path} has {length} lines: more than {lines}")
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > function:
                    faults.append(f"{path}:{node.lineno} {node.name}: {length} lines")
    return faults
