"""Small amounts and counts as people say them."""

import pytest

from projectloom.money import from_cents
from projectloom.state.words import amount_words, reads_words, roughly

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
