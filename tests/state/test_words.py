"""Small amounts and counts as people say them."""

import pytest

from projectloom.money import from_cents
from projectloom.state.words import about, amount_words, reads_words, roughly

CENT = from_cents(1)


@pytest.mark.parametrize(
    ("nanos", "words"),
    [
        (0, "nothing"),
        (CENT // 1_000, "less than a hundredth of a cent"),
        (CENT * 45 // 1_000, "about a twentieth of a cent"),
        (CENT * 39 // 100, "about a third of a cent"),
        (CENT * 45 // 100, "about half a cent"),
        (CENT * 9 // 10, "about a cent"),
        (CENT * 18 // 10, "about two cents"),
        (CENT * 45 // 10, "about 4.5 cents"),
        (CENT * 12, "about 12 cents"),
        (CENT * 150, "about $1.50"),
    ],
)
def test_a_small_amount_is_said_as_people_say_it(nanos: int, words: str):
    assert amount_words(nanos) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (CENT * 38 // 100, CENT * 114 // 100, "About 0.4–1.1 ¢"),
        (CENT * 12 // 10, CENT * 34 // 10, "About 1.2–3.4 ¢"),
        (CENT * 4 // 1_000, CENT * 9 // 1_000, "About 0.004–0.009 ¢"),
        (CENT * 12, CENT * 38, "About 12–38 ¢"),
        (CENT * 52 // 100, CENT * 53 // 100, "About 0.5 ¢"),
        (CENT * 80, CENT * 120, "About $0.80–1.20"),
        (0, 0, "About 0 ¢"),
    ],
)
def test_a_range_is_said_with_no_more_figures_than_anybody_knows(low: int, high: int, words: str):
    assert about(low, high) == words


def test_more_never_sounds_like_less():
    said = [amount_words(nanos) for nanos in range(CENT // 500, CENT * 20, CENT // 500)]
    seen = list(dict.fromkeys(said))
    assert [words for place, words in enumerate(said) if not place or said[place - 1] != words] == seen


@pytest.mark.parametrize(
    ("tokens", "words"), [(1_000_000, "reads 1,500 pages"), (200_000, "reads 300 pages"), (500, "reads 1 page")]
)
def test_what_a_model_reads_is_said_in_pages(tokens: int, words: str):
    assert reads_words(tokens) == words


def test_a_count_that_is_no_promise_is_round():
    counts = [1, 8, 57, 2_143, 3_098]
    assert [roughly(count, "question", "questions") for count in counts] == [
        "about 1 question",
        "about 8 questions",
        "about 57 questions",
        "roughly 2,100 questions",
        "roughly 3,100 questions",
    ]
