"""Numbers as they stand in a table."""

from ablations.compare.row import Row
from ablations.compare.words import signed
from ablations.files.markup import NOTHING

NO_EFFECT = "equal predictions"


def plus_minus(mean: float | None, std: float | None) -> str:
    """`81.97 ± 0.06`, without the second part when there is no std."""
    if mean is None:
        return NOTHING
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


def printed(value: float | None) -> str:
    """A published number with the digits that it was printed with."""
    return NOTHING if value is None else f"{value:g}"


def difference(row: Row) -> str:
    """`+0.50 [+0.10, +0.90]`, without the interval when there is none to measure."""
    if row.equal_predictions:
        return NO_EFFECT
    return interval(row.delta, row.delta_low, row.delta_high)


def interval(mean: float | None, low: float | None, high: float | None) -> str:
    """A difference and its interval, or without one, or a dash."""
    if low is None or high is None:
        return signed(mean)
    return f"{signed(mean)} [{signed(low)}, {signed(high)}]"


def number(value: float | None, *, decimals: int = 3) -> str:
    """A size with a fixed number of decimals; three significant digits below 1."""
    if value is None:
        return NOTHING
    return f"{value:.{decimals}f}" if value >= 1 or decimals == 0 else f"{value:#.3g}"
