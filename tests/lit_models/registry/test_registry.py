"""Names from outside: given once, found with the nearest, and known by where they come from."""

import pytest

from lit_models.registry.names import close_names, nearest
from lit_models.registry.registry import Origin, Registry, recorded


def steps() -> Registry[int]:
    table: Registry[int] = Registry("step")
    table.register("kernel_size", 7)
    return table


def test_what_was_registered_is_found_with_its_place() -> None:
    table = steps()
    assert table["kernel_size"] == 7
    assert dict(table) == {"kernel_size": 7}
    assert table.origin("kernel_size").file == __file__


def test_a_name_is_given_once() -> None:
    table = steps()
    with pytest.raises(ValueError, match=rf"ideas.py:3: the step 'kernel_size' exists.*{__file__}"):
        table.register("kernel_size", 9, origin=Origin("ideas.py", 3))
    assert table["kernel_size"] == 7


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(KeyError, match=r"no step .kernelsize.\. Did you mean kernel_size"):
        steps()["kernelsize"]


def test_a_name_can_be_taken_back() -> None:
    table = steps()
    table.forget("kernel_size")
    assert "kernel_size" not in table
    table.register("kernel_size", 9)


def test_nearest_names() -> None:
    assert close_names("mixr", ["mixer", "norm"]) == ["mixer"]
    assert nearest("x", []) == "There are none."
    assert nearest("zzz", ["a", "b"]) == "Valid: a, b."


def test_capital_letters_count_as_small_ones() -> None:
    assert close_names("KERNEL_SIZE", ["kernel_size", "width"]) == ["kernel_size"]
    assert close_names("dw", ["DW", "Up"]) == ["DW"]


def test_what_a_block_registers_is_recorded_and_taken_back_when_it_raises() -> None:
    table = steps()
    with recorded() as made:
        table.register("mixer", 1)
    assert [entry.name for entry in made] == ["mixer"]
    with pytest.raises(ValueError, match="exists"), recorded():
        _two(table, "bypass", "mixer")
    assert list(table) == ["kernel_size", "mixer"]


def _two(table: Registry[int], *names: str) -> None:
    for name in names:
        table.register(name, 1)
