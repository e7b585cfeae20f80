"""Numbers and phrases that several sentences of a report have in common."""

EQUAL_PREDICTIONS = "the predictions are equal for all test images: no effect to measure"


def signed(number: float | None, *, digits: int = 2) -> str:
    """A difference with its sign (a true minus), what rounds to 0 without; a dash for None."""
    if number is None:
        return "\u2013"
    text = f"{number:+.{digits}f}"
    return text.replace("-", "\u2212") if float(text) else text[1:]


def plural(number: int, noun: str) -> str:
    """A number with its noun: `1 seed`, `3 seeds`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def p_value(p: float) -> str:
    """A p with three decimals: `p = 0.028`, `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def p_after_correction(p: float) -> str:
    """A p that is corrected for all tests of a table."""
    return f"{p_value(p)} after Holm's correction"
