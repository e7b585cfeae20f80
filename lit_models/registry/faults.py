"""Errors in somebody's own code, told as one sentence with its file and line."""

import traceback
from pathlib import Path


def told(error: BaseException, file: str | Path) -> str:
    """`file:line: ValueError: reason` for an error that came out of the code of a file.

    The line is the last one of that file which the error went through; a syntax error has its own.
    """
    path = str(file)
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else "no message"
    if reason.startswith(f"{path}:"):  # it says so itself
        return reason
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"{path}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    line = next((frame.lineno for frame in reversed(frames) if frame.filename == path), None)
    place = path if line is None else f"{path}:{line}"
    return f"{place}: {type(error).__name__}: {reason}"
