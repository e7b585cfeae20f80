"""The comments beside the fields of dataclasses: above a field, or after it on its lines.

They are what a reader of the class goes by, so the JSON Schema of a study file repeats them.
"""

import ast
import inspect
import io
import textwrap
import tokenize
from collections.abc import Mapping
from functools import cache

from ablations.files.python_source import parse


@cache
def field_comments(kind: type) -> Mapping[str, str]:
    """The comment of each field that has one, those of base classes included."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__ != "builtins" and "__annotations__" in vars(base):
            found |= _of_source(textwrap.dedent(inspect.getsource(base)))
    return found


def _of_source(source: str) -> dict[str, str]:
    """Field -> comment, of the source of one class."""
    comments, alone = _comments(source)
    (node,) = parse(source).body
    assert isinstance(node, ast.ClassDef)
    found: dict[str, str] = {}
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            above = field.lineno
            while above - 1 in alone:
                above -= 1
            lines = (*range(above, field.lineno), *range(field.lineno, _end(field) + 1))
            text = " ".join(comments[line] for line in lines if line in comments)
            found |= {field.target.id: text} if text else {}
    return found


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _comments(source: str) -> tuple[dict[int, str], set[int]]:
    """Comments by line, and the lines that have nothing else."""
    comments: dict[int, str] = {}
    alone: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line = token.start[0]
            comments[line] = token.string.lstrip("# ").strip()
            if not token.line[: token.start[1]].strip():
                alone.add(line)
    return comments, alone
