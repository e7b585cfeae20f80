"""Names of modules in strings: a module that moves must take them along."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.support.sources.structure import syntax

Named = tuple[str, str, str | None]  # where it stands, the module, the name in it


def dangling(
    files: Mapping[str, Path], packages: Sequence[str], *, known: Iterable[str] = ()
) -> list[str]:
    """Strings `module`, `module.name` and `module:name` that lead nowhere, with their places.

    `known` are modules without a source of that name, as compiled ones are.
    """
    everything = {*files, *known}
    return [
        f"{place}: {module}{':' + name if name else ''} is not there"
        for place, module, name in [*_texts(files, packages), *_lazy_names(files)]
        if not (_leads_to(module, name, files) or (module in everything and not name))
    ]


def _texts(files: Mapping[str, Path], packages: Sequence[str]) -> Iterator[Named]:
    dotted = re.compile(rf"((?:{'|'.join(packages)})(?:\.\w+)+)(?::(\w+))?")
    for path in files.values():
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                match = dotted.fullmatch(node.value)
                if match:
                    yield f"{path}:{node.lineno}", match[1], match[2]


def _lazy_names(files: Mapping[str, Path]) -> Iterator[Named]:
    """Entries `"name": "module"` in an `__init__`, which imports a name when it is used."""
    for path in files.values():
        for node in ast.walk(syntax(path)) if path.name == "__init__.py" else ():
            for key, value in _entries(node):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                    yield f"{path}:{value.lineno}", str(value.value), str(key.value)


def _entries(node: ast.AST) -> Iterator[tuple[ast.expr | None, ast.expr]]:
    if isinstance(node, ast.Dict):
        yield from zip(node.keys, node.values, strict=True)


def _leads_to(module: str, name: str | None, files: Mapping[str, Path]) -> bool:
    """Whether the module is there and has the name; `module.name` is a name, too."""
    if module not in files and name is None:
        module, _, name = module.rpartition(".")
    return module in files and (name is None or name in _names(files[module]))


@cache
def _names(path: Path) -> frozenset[str]:
    """What a module binds at its top level."""
    found: set[str] = set()
    for node in syntax(path).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return frozenset(found)
