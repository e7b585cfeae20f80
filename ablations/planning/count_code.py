"""The code that decides a count: what `lit_models.network.complexity` imports of lit_models."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ablations.files.python_source import parse

_FIRST = "network.complexity"
# Imported on the way without a part in a count: they draw values, or say what is in a count's key.
_NO_PART = (
    *("families.", "registry"),
    *("network.initialise", "network.seeding", "network.step_statistics"),
)
_PART = ("families.reference",)  # from a name to a network


@cache
def code_digest() -> str:
    """Hash of the modules that decide a count."""
    import lit_models

    return digest_of(Path(lit_models.__file__).parent)


def digest_of(package: Path) -> str:
    """The same of lit_models in another folder."""
    sources = deciding(package)
    return hashlib.sha256(b"\0".join(sources[name] for name in sorted(sources))).hexdigest()


def deciding(package: Path) -> dict[str, bytes]:
    """The source of every module that decides a count, by its name below lit_models."""
    found: dict[str, bytes] = {}
    waiting = [_FIRST]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = file_of(package, name).read_bytes()
            waiting += [inner for inner in _imported(found[name], package) if _decides(inner)]
    return found


def _decides(name: str) -> bool:
    return name in _PART or not name.startswith(_NO_PART)


def _imported(source: bytes, package: Path) -> Iterator[str]:
    """The modules of lit_models that a source imports, at its top or inside of a function."""
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        inside = [name.partition(".")[2] for name in names if name.startswith("lit_models.")]
        yield from (name for name in inside if file_of(package, name).is_file())


def file_of(package: Path, name: str) -> Path:
    """Where a module lies."""
    path = package.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
