"""What is declared (dependencies, lock, data files) is true."""

import ast
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import datamodules
import lit_models
from ablations.studies.study_file import read_source, section
from tests.support.project import PROJECT
from tests.support.sources.structure import syntax

PACKAGES = ("lit_models", "datamodules", "ablations")
MEASURED = PROJECT / "ablations" / "results"


def project() -> dict[str, Any]:
    """The [project] table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return table


def direct_requirements() -> list[Requirement]:
    extras = project()["optional-dependencies"].values()
    return [Requirement(r) for rs in (project()["dependencies"], *extras) for r in rs]


def locked(python: str) -> dict[str, str]:
    """Name -> version that requirements.lock has for a Python version on this platform."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    applying = [p for p in pins if p.marker is None or p.marker.evaluate(environment)]
    versions = {str(canonicalize_name(p.name)): str(p.specifier)[2:] for p in applying}
    assert len(versions) == len(applying), "two versions of one package apply at once"
    return versions


@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_lock_has_an_allowed_version_of_every_direct_dependency(python: str) -> None:
    versions = locked(python)
    for requirement in direct_requirements():
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"requirements.lock lacks {requirement.name}: run make lock"
        assert version in requirement.specifier, f"{version} does not satisfy {requirement}"


def test_lock_names_packages_only() -> None:
    """No address, path or option of the machine that made the lock file gets into it."""
    for line in (PROJECT / "requirements.lock").read_text().splitlines():
        assert line.startswith("#") or "==" in line.split(";")[0], line
        assert "/" not in line, line
        assert "@" not in line, line


def test_every_direct_dependency_has_a_lower_bound() -> None:
    for requirement in direct_requirements():
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators == {">="}, requirement


@pytest.mark.parametrize("version", ["2.6.1", "2.6.2", "2.6.3"])
def test_compromised_lightning_is_refused(version: str) -> None:
    (lightning,) = [r for r in direct_requirements() if r.name == "lightning"]
    assert version not in lightning.specifier
    assert "2.6.4" in lightning.specifier


def imported_modules(package: str) -> Iterator[tuple[str, Path]]:
    """Top-level names of everything that a package imports, with the file that does."""
    for path in sorted((PROJECT / package).rglob("*.py")):
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.Import):
                yield from ((alias.name.partition(".")[0], path) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.partition(".")[0], path


@pytest.mark.parametrize("package", PACKAGES)
def test_every_import_is_a_declared_dependency(package: str) -> None:
    declared = {canonicalize_name(r.name) for r in direct_requirements()}
    distributions = packages_distributions()
    undeclared = {
        f"{path.relative_to(PROJECT)} imports {module}"
        for module, path in imported_modules(package)
        if module not in {*PACKAGES, *sys.stdlib_module_names}
        # A package of an optional extra may be absent: then its name stands for itself.
        and declared.isdisjoint(map(canonicalize_name, distributions.get(module, [module])))
    }
    assert not undeclared


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The project's wheel, built from the working tree by the declared build backend."""
    folder = tmp_path_factory.mktemp("wheel")
    # A symbolic link farm: the backend writes build/ and *.egg-info beside pyproject.toml.
    for name in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
        (folder / name).symlink_to(PROJECT / name)
    code = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)
    return zipfile.ZipFile(next((folder / "dist").glob("*.whl")))


@pytest.mark.parametrize("package", PACKAGES)
def test_wheel_has_every_file_of_the_package(wheel: zipfile.ZipFile, package: str) -> None:
    files = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / package).rglob("*")
        # measured results and pages are for readers of the repository
        if path.is_file()
        and not {"__pycache__", "README.md"} & set(path.parts)
        and MEASURED not in path.parents
    }
    assert files
    assert files <= set(wheel.namelist()), "declare it in [tool.setuptools.package-data]"
    assert not [
        name
        for name in wheel.namelist()
        if name.startswith("ablations/results/") or name.endswith("README.md")
    ]


def test_a_wheel_lists_and_plans_the_shipped_studies_in_an_empty_folder(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    """As after `pip install`: the wheel's files, and neither the checkout nor anything beside."""
    site, empty = tmp_path / "site", tmp_path / "empty"
    wheel.extractall(site)
    empty.mkdir()

    def ablate(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "ablations", *arguments],
            cwd=empty,
            env={**os.environ, "PYTHONPATH": str(site)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    studies = json.loads(ablate("list", "studies", "--json"))
    source = read_source(PROJECT / "experiments.yaml")
    assert [study["name"] for study in studies] == [*section(source, "studies")]
    assert len(json.loads(ablate("plan", "convnext_nano", "--no-time", "--json"))) == 13
    assert ablate("--version").startswith(f"ablate {project()['version']}\n")
    assert list(empty.iterdir()) == []


def test_wheel_has_the_console_script_and_the_licence(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = [n for n in wheel.namelist() if n.endswith("entry_points.txt")]
    assert "ablate = ablations.cli:main" in wheel.read(entry_points).decode()
    assert [n for n in wheel.namelist() if n.endswith("licenses/LICENSE")]


def test_make_help_lists_the_targets() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    (phony,) = [line for line in makefile.splitlines() if line.startswith(".PHONY:")]
    result = subprocess.run(
        ["make", "--no-print-directory"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    listed = [line.split()[1] for line in result.stdout.splitlines()]
    assert sorted(listed) == sorted(phony.split()[1:])
    assert {"quickstart", "test", "lint", "format", "lock", "clean"} <= set(listed)


def test_exported_names_are_what_they_say_however_often_they_are_asked_for() -> None:
    """A submodule of the same name would take the place of a function once it is imported."""
    for _ in range(2):
        modules = [n for n in lit_models.__all__ if isinstance(getattr(lit_models, n), ModuleType)]
        assert modules == []


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_that_it_is_typed(package: str) -> None:
    assert (PROJECT / package / "py.typed").is_file()


def test_dir_lists_names_before_they_are_loaded() -> None:
    for package in (lit_models, datamodules):
        assert set(package.__all__) <= set(dir(package))


def test_the_citation_is_of_this_version_and_of_papers_that_the_design_space_names() -> None:
    """What CFF 1.2.0 requires, and what pyproject.toml says too."""
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    declared = {key: project()[key] for key in ("version", "license", "keywords")}
    assert {key: citation[key] for key in declared} == declared
    assert citation["authors"] == [{"name": "The architecture-ablations developers"}]
    code = "".join(path.read_text() for path in (PROJECT / "lit_models").rglob("*.py"))
    for reference in citation["references"]:
        assert {"type", "title", "authors", "year", "url"} <= set(reference)
        assert all({"given-names", "family-names"} == set(who) for who in reference["authors"])
        (arxiv,) = [identifier["value"] for identifier in reference["identifiers"]]
        assert reference["url"] == f"https://arxiv.org/abs/{arxiv.removeprefix('arXiv:')}"
        assert arxiv.replace(":", " ") in code, arxiv
