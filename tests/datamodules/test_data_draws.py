"""Draws are functions of their arguments, look random, and disturb no global generator."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datamodules.sampling import random_streams
from datamodules.sampling.random_streams import (
    Stream,
    bits,
    kept_generators,
    seed_generators,
    shuffled,
    uniforms,
)

INDICES = np.arange(20_000)


def test_the_finaliser_is_splitmix64() -> None:
    """The first outputs for seed 1234567 of the authors' C code."""
    state, outputs = 1234567, []
    for _ in range(3):
        state += random_streams._GOLDEN
        outputs.append(random_streams._mix(state))
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_bits_are_the_sequence_of_the_key() -> None:
    key = 0
    for part in (Stream.FLIP, 5, 7):
        key = random_streams._mix((key ^ part) + random_streams._GOLDEN)
    expected = [
        random_streams._mix(key + (index + 1) * random_streams._GOLDEN) for index in range(50)
    ]
    assert bits(Stream.FLIP, seed=5, epoch=7, indices=np.arange(50)).tolist() == expected


@given(seed=st.integers(0, 2**63), epoch=st.integers(0, 10_000))
def test_a_draw_depends_on_its_own_index_only(seed: int, epoch: int) -> None:
    whole = uniforms(Stream.FLIP, seed=seed, epoch=epoch, indices=np.arange(100))
    some = np.array([99, 3, 50])
    np.testing.assert_array_equal(
        whole[some], uniforms(Stream.FLIP, seed=seed, epoch=epoch, indices=some)
    )
    assert whole.min() >= 0
    assert whole.max() < 1


def test_uniforms_are_uniform_and_streams_independent() -> None:
    values = np.stack(
        [
            uniforms(stream, seed=seed, epoch=epoch, indices=INDICES)
            for stream in (Stream.FLIP, Stream.ORDER)
            for seed in (0, 1)
            for epoch in (0, 1)
        ]
    )
    counts = np.stack([np.histogram(row, bins=20, range=(0, 1))[0] for row in values])
    # Chi-squared with 19 degrees of freedom exceeds 51 once in ten thousand.
    assert (((counts - 1000) ** 2 / 1000).sum(axis=1) < 51).all()
    correlation = np.corrcoef(values) - np.eye(len(values))
    assert np.abs(correlation).max() < 5 / np.sqrt(len(INDICES))
    neighbours = [np.corrcoef(row[:-1], row[1:])[0, 1] for row in values]
    assert np.abs(neighbours).max() < 5 / np.sqrt(len(INDICES))


def test_an_order_is_a_permutation_that_changes_with_seed_and_epoch() -> None:
    orders = [
        shuffled(Stream.ORDER, seed=seed, epoch=epoch, indices=INDICES)
        for seed in (0, 1)
        for epoch in (0, 1)
    ]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), INDICES)
    for first in range(4):
        for second in range(first):
            assert (orders[first] == orders[second]).mean() < 0.01


def test_an_order_survives_when_samples_are_left_out() -> None:
    whole = shuffled(Stream.ORDER, seed=3, epoch=4, indices=np.arange(100))
    kept = np.arange(0, 100, 3)
    part = shuffled(Stream.ORDER, seed=3, epoch=4, indices=kept)
    np.testing.assert_array_equal(part, whole[np.isin(whole, kept)])


def global_draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(()))


def test_seeding_repeats_and_the_generators_are_put_back() -> None:
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    with kept_generators():
        seed_generators(2**64 - 1)
        first = global_draws()
        assert global_draws() != first
        seed_generators(2**64 - 1)
        assert global_draws() == first
        seed_generators(1)
        assert all(a != b for a, b in zip(global_draws(), first, strict=True))
    assert random.getstate() == state[0]
    np.testing.assert_equal(np.random.get_state(), state[1])
    assert torch.equal(torch.get_rng_state(), state[2])


def test_the_generators_are_put_back_after_an_error() -> None:
    state = random.getstate()

    def fail() -> None:
        with kept_generators():
            seed_generators(1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert random.getstate() == state
