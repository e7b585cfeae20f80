"""What a file of one's own imports: content that is hashed nowhere is refused."""

import ast
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import datamodules
import lit_models
from ablations.files.python_source import parse


@cache
def is_ours(file: str) -> bool:
    """Whether a file is a part of this project."""
    packages = (Path(datamodules.__file__).parent, Path(lit_models.__file__).parent)
    return any(
        Path(file).is_relative_to(folder) for folder in (Path(__file__).parents[1], *packages)
    )


def check_imports(path: Path, content: bytes, *, loaded: Iterable[str]) -> None:
    """Refuse a file that imports modules of one's own, whose content would be in no run's identity.

    Args:
        path: the file, for errors.
        content: its text; imports inside of functions count, too.
        loaded: names of modules that were imported while it was executed.

    Raises:
        ValueError: a module is neither of this project nor of Python nor of an installed package;
            with the line of its import, where there is one.
    """
    lines = dict(_imports(content))
    for name in dict.fromkeys([*lines, *_outermost(loaded)]):
        file = _file_of(name)
        if file is None or is_ours(file) or _is_installed(name, file):
            continue
        place = f"{path}:{lines[name]}" if name in lines else str(path)
        raise ValueError(
            f"{place}: it imports {name} from {file}, whose content would be in no run's "
            "identity: put what it needs into this file, or install it as a package"
        )


def _outermost(loaded: Iterable[str]) -> Iterator[str]:
    """Names of the outermost packages of modules that the file loaded, not of the program itself.

    Importing multiprocessing, as torch does, makes `__mp_main__` another name of `__main__`.
    """
    for name in loaded:
        outermost = name.partition(".")[0]
        if sys.modules.get(outermost) is not sys.modules["__main__"]:
            yield outermost


def _imports(content: bytes) -> Iterator[tuple[str, int]]:
    """Names of the outermost packages that are imported anywhere, and lines."""
    for node in ast.walk(parse(content)):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node.lineno


def _file_of(name: str) -> str | None:
    module = sys.modules.get(name)
    if module is not None:
        spec = getattr(module, "__spec__", None)
        folders = list(getattr(module, "__path__", ()))
        found = getattr(module, "__file__", None) or (folders[0] if folders else None)
        return found if found or spec is None else spec.origin
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    return spec.origin or (folders[0] if folders else None)


def _is_installed(name: str, file: str) -> bool:
    """Whether a module is Python's own or that of a package with a version."""
    if name in sys.stdlib_module_names or not Path(file).exists():  # built in, frozen
        return True
    paths = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    if any(Path(file).is_relative_to(path) for path in paths):
        return True
    return name in packages_distributions()
