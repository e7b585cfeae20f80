"""Executing files of one's own: each content once, and nothing of one that fails is kept."""

import hashlib
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from ablations.extensions.imports import check_imports, is_ours
from lit_models.registry.faults import told
from lit_models.registry.registry import Registered, Registry, recorded

_MOST_BYTES = 2**20


@dataclass(frozen=True)
class SourceFile:
    """A file of one's own as it was read; it may change on disk later.

    `module` and `package` are those of a package's entry point, such as `my_ideas.steps` and
    `my-ideas 1.2`.
    """

    path: Path
    content: bytes = field(repr=False)
    module: str | None = None
    package: str | None = None

    @property
    def sha256(self) -> str:
        """Of the content; of a package's file, with the package's version."""
        version = f"{self.package}\n".encode() if self.package else b""
        return hashlib.sha256(version + self.content).hexdigest()


@dataclass(frozen=True)
class Extension:
    """A file that was executed, and what it registered."""

    source: SourceFile
    made: tuple[Registered, ...]


# by the SHA-256 of their content
EXTENSIONS: Registry[Extension] = Registry("extension")


def use(path: str | Path) -> Extension:
    """Execute a Python file that registers things; the same content only once.

    A file that has changed since it was executed in this process takes the place of what it was.

    Raises ValueError with file and line: it is not there, it raises, it defines a name that exists,
    or it registers nothing.
    """
    return execute(read_file(Path(path)))


def read_file(path: Path, *, said: str = "--use") -> SourceFile:
    """The file that `said` names, as it is now. Raises ValueError when it cannot be read."""
    path = path.expanduser().absolute()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{said} {path} cannot be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{said} {path} has {len(content):,} bytes: no file of Python code")
    return SourceFile(path, content)


def execute(source: SourceFile, *, file: Path | None = None) -> Extension:
    """`use` of content that was read before; `file`: its `__file__`, where not its path."""
    if source.sha256 in EXTENSIONS:
        return EXTENSIONS[source.sha256]
    _forget_earlier(source.path)
    name = source.module or f"ablations_extension_{source.sha256[:16]}"
    before = frozenset(sys.modules)
    try:
        with recorded(besides=is_ours) as made:
            _run(source, name, file or source.path)
            if source.module is None:
                new = [other for other in sys.modules if other not in before and other != name]
                check_imports(source.path, source.content, loaded=new)
            _check_made([one for one in made if not is_ours(_file(one))], source)
    except (Exception, SystemExit) as error:
        if source.module is None:
            sys.modules.pop(name, None)
        raise ValueError(told(error, source.path)) from None
    return EXTENSIONS.register(source.sha256, Extension(source, tuple(made)))


def blamed(error: BaseException) -> str | None:
    """An error that went through a file of one's own, as one sentence with its line; else None."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in by_file():
            return told(error, frame.filename)
    return None


def sources() -> tuple[SourceFile, ...]:
    """What has been executed, for another process to execute, too."""
    return tuple(extension.source for extension in EXTENSIONS.values())


def execute_all(found: Iterable[SourceFile]) -> None:
    """`execute` each; raises ValueError as it does."""
    for source in found:
        execute(source)


def extension_of(file: str) -> Extension | None:
    """The extension whose file that is; None for another file."""
    return by_file().get(file)


def by_file() -> Mapping[str, Extension]:
    """The extensions by the path of their file."""
    return {str(extension.source.path): extension for extension in EXTENSIONS.values()}


def _file(entry: Registered) -> str:
    return entry.registry.origin(entry.name).file


def _run(source: SourceFile, name: str, file: Path) -> None:
    if source.module is not None:
        __import__(name)
        return
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # where dataclasses and pickle look a class up
    exec(compile(source.content, str(source.path), "exec"), module.__dict__)


def _check_made(made: Iterable[Registered], source: SourceFile) -> None:
    """Refuse a file without effect, and names whose code is in another file than is hashed."""
    made = list(made)
    if not made and source.module is None:
        raise ValueError(
            f"{source.path}: it registers nothing; see ablations.extend for what it can register"
        )
    for registry, name in made:
        origin = registry.origin(name)
        if origin.file != str(source.path):
            raise ValueError(
                f"{source.path}: the {registry.kind} {name!r} is registered in {origin}, whose "
                f"content would be in no run's identity: register it in this file"
            )


def _forget_earlier(path: Path) -> None:
    """Take back what an earlier content of the file registered."""
    earlier = by_file().get(str(path))
    if earlier is None:
        return
    for registry, name in earlier.made:
        registry.forget(name)
    EXTENSIONS.forget(earlier.source.sha256)
