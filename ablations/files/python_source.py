"""Python sources as syntax trees."""

import ast
import gc


def parse(source: str | bytes, *, name: str = "<unknown>") -> ast.Module:
    """`ast.parse` with the garbage collector at rest.

    Before CPython 3.11.8 the depth of the tree under construction is one global number, and a
    finalizer that parses too, as a warning's traceback does, makes a SystemError of it (CPython
    issue 106905).
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source, name)
    finally:
        if collects:
            gc.enable()
