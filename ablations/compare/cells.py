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
    if row.delta_low is None or row.delta_high is None:
        return signed(row.delta)
    return f"{signed(row.delta)} [{signed(row.delta_low)}, {signed(row.delta_high)}]"


def number(value: float | None, *, decimals: int = 3) -> str:
    """A size with a fixed number of decimals; three significant digits below 1."""
    if value is None:
        return NOTHING
    return f"{value:.{decimals}f}" if value >= 1 or decimals == 0 else f"{value:#.3g}"
