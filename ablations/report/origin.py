"""Where the numbers of a study come from: code, versions, hardware, configuration."""

from collections.abc import Iterable, Mapping
from typing import Any

from ablations.compare.records import StudyRecord
from ablations.files.plain_text import as_json

Fact = tuple[str, str]  # name, text


def provenance_facts(study: StudyRecord) -> tuple[Fact, ...]:
    """Commit, versions, machine of the finished runs, every different value once."""
    sessions = [
        session
        for run in study.runs
        if run.done and run.provenance
        for session in run.provenance.get("sessions", [])
    ]
    facts = [
        ("code", _each(_commit(session.get("git")) for session in sessions)),
        ("versions", _each(_listing(session.get("versions")) for session in sessions)),
        ("hardware", _each(_machine(session.get("hardware") or {}) for session in sessions)),
        ("trained", _period([str(session.get("started", "")) for session in sessions])),
    ]
    return tuple((name, text) for name, text in facts if text)


def configuration(study: StudyRecord) -> tuple[tuple[str, str], ...]:
    """The data set's and the recipe's keys as JSON; the seed and the spec differ between runs."""
    return tuple(
        (part, as_json(study.config[part]))
        for part in ("data", "recipe", "hardware")
        if part in study.config
    )


def _each(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))


def _commit(git: Mapping[str, Any] | None) -> str:
    if not git:
        return "not in a git checkout"
    diff = git.get("diff_sha256")
    state = f"with uncommitted changes (diff {diff[:12]})" if diff else "clean"
    return f"commit {git.get('commit', 'unknown')}, {state}"


def _listing(versions: Mapping[str, str | None] | None) -> str:
    return ", ".join(f"{name} {number}" for name, number in (versions or {}).items() if number)


def _machine(hardware: Mapping[str, Any]) -> str:
    gpus = ", ".join(hardware.get("gpus") or ())
    cores, threads = hardware.get("cores"), hardware.get("threads")
    parts = [gpus, str(hardware.get("cpu") or ""), f"{cores} cores" if cores else ""]
    parts += [f"{threads} thread(s) a run" if threads else "", str(hardware.get("system") or "")]
    return ", ".join(part for part in parts if part)


def _period(times: list[str]) -> str:
    known = sorted(time for time in times if time)
    if not known:
        return ""
    return known[0] if known[0] == known[-1] else f"{known[0]} to {known[-1]} (starts of runs)"
