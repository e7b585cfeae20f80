"""Sources are parsed with the garbage collector at rest: a tree is never made inside of another."""

import ast
import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from ablations.files.python_source import parse
from tests.project.test_structure import FILES, TESTS
from tests.support.sources.structure import syntax

SOURCE = "\n".join(f"def f{i}(a, b): return [a + {i}, (b, {{'x': a.b}})]" for i in range(300))


@contextmanager
def parsing_at_every_collection() -> Iterator[list[str]]:
    """As a finalizer does whose warning's traceback is printed."""
    phases: list[str] = []

    def parse_once(phase: str, info: Mapping[str, int]) -> None:
        del info
        if not phases:
            phases.append(phase)
            ast.parse("a = 1")

    gc.callbacks.append(parse_once)
    try:
        yield phases
    finally:
        gc.callbacks.remove(parse_once)


def test_no_collection_happens_inside_a_parse() -> None:
    with parsing_at_every_collection() as phases:
        tree = parse(SOURCE, name="here")
        assert not phases
        assert len(tree.body) == 300
        gc.collect()
    assert phases, "the collector works again"


def test_without_it_the_same_source_is_collected_in_between() -> None:
    """The counter-test; CPython before 3.11.8 raises SystemError in it."""
    with parsing_at_every_collection() as phases, suppress(SystemError):
        ast.parse(SOURCE)
    assert phases or sys.version_info >= (3, 12), "the test above would show nothing"


def test_a_resting_collector_stays_at_rest() -> None:
    gc.disable()
    try:
        parse("a = 1")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_nothing_else_parses() -> None:
    calls = [
        name
        for name, path in (FILES | TESTS).items()
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "ast.parse"
    ]
    assert set(calls) == {"ablations.files.python_source", __name__}
