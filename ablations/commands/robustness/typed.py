"""What was typed after `ablate robustness`, as networks and conditions."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablations.robustness.evaluate.settings import assigned, told
from ablations.robustness.evaluate.subjects import Subjects, find_subjects
from ablations.robustness.evaluate.work import Asked
from ablations.store.index_file import indexed_studies, read_index
from ablations.store.runs import runs_root
from ablations.studies.robustness.config import RobustnessConfig, check_suites
from ablations.studies.robustness.written import ROBUSTNESS
from ablations.studies.scope import names
from ablations.studies.study_file import read_source, resolve_study
from ablations.studies.yaml_source import YamlSource
from datamodules.benchmarks.entries import SETS

DEFAULT = "quick"


@dataclass(frozen=True)
class Typed:
    """What is asked of which networks."""

    asked: Asked
    subjects: Subjects


def read_typed(options: argparse.Namespace) -> Typed:
    """What the options of `ablate robustness` mean.

    Raises:
        ValueError: there is no such network, suite or key; with the nearest.
    """
    name, overrides = options.data, list(options.overrides)
    if name is not None and "=" in name:  # no data set: the first override
        name, overrides = None, [name, *overrides]
    suites = [text.strip() for text in options.suite.split(",")] if options.suite else []
    check_suites(suites, key="--suite")
    root, source = runs_root(options.runs), read_source(options.file)
    subjects = find_subjects(options.what, root=root, file=options.file, source=source)
    before = of_study(options.what, source=source, root=root)
    said = told(before, overrides, suites=suites, folders=tuple(SETS))
    config = said.config if said.config.suite else replace(said.config, suite=[DEFAULT])
    use = tuple(path.absolute() for path in options.use)
    return Typed(Asked(subjects.networks, config, name, said.elsewhere, use), subjects)


def of_study(what: str, *, source: YamlSource, root: Path) -> RobustnessConfig:
    """What a study says of robustness; the defaults where no study was named.

    Raises:
        ValueError: the study, or what its last `ablate run` kept of it, cannot be used.
    """
    study = what.partition("/")[0]
    if study in names(source, "studies"):
        return resolve_study(source, study, complete=False).robustness
    if study not in indexed_studies(root):
        return RobustnessConfig()
    index: Mapping[str, Any] = read_index(study, root) or {}
    return assigned(index.get(ROBUSTNESS) or {}, where=f"the index of {study}")
