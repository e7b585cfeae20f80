"""Shares of classes: how many images of each are held out (no torch, no NumPy)."""

from __future__ import annotations

from collections.abc import Sequence


def apportion(
    sizes: Sequence[int],
    count: int,
    *,
    leave: int = 0,
    least: int = 0,
    order: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """`count` images spread over classes in their proportion, by largest remainders.

    Args:
        sizes: images of each class.
        count: how many are taken in all; fewer if `leave` does not allow them.
        leave: how many of every class are never taken.
        least: how many of every class are taken in any case, also above `count`.
        order: the classes, first those that get an image of equal remainders; None: as they are.
    """
    every = sum(sizes)
    exact = [size * count / every for size in sizes]
    most = [size - leave for size in sizes]
    quotas = [min(max(int(share), least), top) for share, top in zip(exact, most, strict=True)]
    given = sum(quotas)
    for index in sorted(order or range(len(sizes)), key=lambda index: quotas[index] - exact[index]):
        if given >= count:
            break
        if quotas[index] < most[index]:
            quotas[index] += 1
            given += 1
    return tuple(quotas)


def hold_out_counts(sizes: Sequence[int], fraction: float) -> tuple[int, ...]:
    """Test images of each class of a set without a split: its share, one at least, one left."""
    return apportion(sizes, round(sum(sizes) * fraction), leave=1, least=1)
