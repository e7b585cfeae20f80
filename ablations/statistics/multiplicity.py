"""Many tests of one table: p-values adjusted for the whole family."""

from collections.abc import Mapping


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p of a family of tests, by name (Holm 1979).

    The chance of any false find is at most the level, whatever the dependence between the tests:
    neighbouring differences of a trajectory share a network, so they are dependent.
    """
    adjusted, largest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
