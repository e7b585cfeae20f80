"""Installed packages that bring code of their own."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ablations.extensions import packages
from ablations.extensions.loading import EXTENSIONS, SourceFile
from ablations.extensions.packages import GROUP, use_packages

COLUMN = """from ablations.extend import measured, register_column
register_column("of_a_package", measured("test/loss", "loss again"))
"""


def point(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> Path:
    """A module of a package, named as an extension."""
    file = folder / "ideas_of_a_package.py"
    file.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    found = EntryPoint("ideas", "ideas_of_a_package", GROUP)
    monkeypatch.setattr(packages, "entry_points", lambda group: [found])
    return file


def test_a_package_registers_and_its_version_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = point(monkeypatch, tmp_path, COLUMN)
    use_packages()
    use_packages()
    ((sha256, extension),) = EXTENSIONS.items()
    assert [name for _, name in extension.made] == ["of_a_package"]
    other = SourceFile(file, COLUMN.encode(), module="ideas_of_a_package", package="ideas 2.0")
    assert other.sha256 != sha256
    for registry, name in extension.made:
        registry.forget(name)
    EXTENSIONS.forget(sha256)
    del sys.modules["ideas_of_a_package"]


def test_a_package_that_raises_is_named_with_the_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    point(monkeypatch, tmp_path, "\nraise RuntimeError('no luck')")
    with pytest.raises(ValueError, match=r"ideas_of_a_package.py:2: RuntimeError: no luck"):
        use_packages()
    assert not EXTENSIONS
