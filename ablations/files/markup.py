"""Text of users as text, in every medium: nothing in a title or a message is ever markup.

HTML has `html.escape`, figures have `text.parse_math` off (`ablations.figures.style`).
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

NOTHING = "\u2013"  # a dash
# C0 and C1 controls but for tab and line feed: a terminal obeys them
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# what GitHub's Markdown and its mathematics read; an underscore inside a word is only that
_MARKDOWN = re.compile(r"[\\`*<|$~]|(?<!\w)_|_(?!\w)|(?<=\])\(|!(?=\[)|&(?=#?\w+;)")
_LATEX = str.maketrans(
    {
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "`": r"\`{}",
        "±": r"$\pm$",
        "Δ": r"$\Delta$",
        "→": r"$\to$",
        "↑": r"$\uparrow$",
        "≤": r"$\leq$",
        "\u00d7": r"$\times$",
        "\u2212": "$-$",
        NOTHING: "--",
        "“": "``",
        "”": "''",
        "[": "{[}",  # a line that begins with [ would be read as an option of \\
    }
)


def printable(text: str) -> str:
    """Text for a terminal: control characters, which it would obey, as question marks."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def terminal(text: str, style: str = "") -> "Text":
    """Text for rich, which would read [red] and :smile: in a plain string."""
    from rich.text import Text

    return Text(printable(text), style=style)


def markdown(text: str) -> str:
    """Text for GitHub's Markdown, in a paragraph, a heading or a cell of a table."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def fenced(text: str) -> str:
    """Text as a block of code in Markdown, whatever backticks are in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def latex(text: str) -> str:
    """Text with LaTeX's special characters, and the symbols that we use, escaped."""
    return text.translate(_LATEX)
