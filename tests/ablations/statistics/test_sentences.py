"""What is said of the statistics of a study, for studies whose numbers are known."""

import pytest

from ablations.statistics.sentences import comparisons_sentence, images_sentence, seeds_sentence


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (0, "No seed is finished"),
        (1, "no interval and no test"),
        (3, "is 0.25, so no permutation test of it can reach p ≤ 0.05"),
        (5, "is 0.0625, so no permutation test of it can reach"),
        (6, "is 0.0312, so a permutation test of it can reach p ≤ 0.05: only if every seed agrees"),
        (
            7,
            "is 0.0156, so a permutation test of it can reach p ≤ 0.05: surely if every seed",
        ),
        (41, "test (100,000 random patterns of signs) of one difference is 1e-05, so a"),
    ],
)
def test_sentence_says_what_the_seeds_can_show(seeds: int, words: str) -> None:
    assert words in seeds_sentence(seeds)
    assert ("6 " in seeds_sentence(seeds)) == (0 < seeds <= 6)


def test_sentence_on_many_intervals() -> None:
    assert comparisons_sentence(1, ["a"]) == ""
    assert "The 12 intervals" in comparisons_sentence(12, [])
    assert f"{100 * (1 - 0.95**12):.0f} %" in comparisons_sentence(12, [])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "No difference stands"),
        (["width"], "1 of 3 stands after it: width."),
        (["width", "GELU"], "2 of 3 stand after it: width, GELU."),
        (["width", "GELU", "norm"], "Every difference stands"),
    ],
)
def test_sentence_names_what_stands_after_the_correction(found: list[str], words: str) -> None:
    assert words in comparisons_sentence(3, found)


def test_test_set_uncertainty() -> None:
    assert "±0.59 points" in images_sentence(90.0, 10_000)
