from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from projectloom.money import (
    NANOS_PER_CENT,
    NANOS_PER_USD,
    ceil_nanos,
    format_exact,
    format_usd,
    from_cents,
    from_usd,
    to_usd,
    usd_string,
)

nanos = st.integers(min_value=-(2**63), max_value=2**63 - 1)
below_a_cent = st.integers(min_value=1, max_value=NANOS_PER_CENT - 1)


def shown(text: str) -> Decimal:
    return Decimal(text.replace("$", "").replace(",", ""))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (27 * NANOS_PER_USD, "$27.00"),
        (1_234_567 * NANOS_PER_USD, "$1,234,567.00"),
        (NANOS_PER_CENT, "$0.01"),
        (123_456_789, "$0.12"),
        (9_999_999, "$0.01"),
        (9_994_000, "$0.00999"),
        (1_234_567, "$0.00123"),
        (1_000_000, "$0.00100"),
        (999_500, "$0.00100"),
        (99_950, "$0.000100"),
        (12_345, "$0.0000123"),
        (120, "$0.000000120"),
        (12, "$0.000000012"),
        (1, "$0.000000001"),
        (-1, "-$0.000000001"),
        (-27 * NANOS_PER_USD, "-$27.00"),
        (-1_234_567, "-$0.00123"),
    ],
)
def test_people_see_two_decimals_from_one_cent_up_and_else_three_figures(amount: int, text: str):
    assert format_usd(amount) == text


@given(nanos)
@example(2**63 - 1)
def test_the_decimal_string_is_the_exact_amount(amount: int):
    text = usd_string(amount)
    assert Decimal(text) * NANOS_PER_USD == amount
    assert "E" not in text.upper()
    assert len(text.rpartition(".")[2]) in range(2, 10)


@given(nanos)
@example(26_996_954_000)
def test_what_is_shown_exactly_is_the_amount_itself(amount: int):
    text = format_exact(amount)
    assert shown(text) == to_usd(amount)
    assert len(text.rpartition(".")[2]) >= 2


def test_a_balance_is_read_in_thousands_and_never_rounded_up():
    assert format_exact(26_996_954_000) == "$26.996954"
    assert format_exact(1_234_567 * NANOS_PER_USD + 999_999_999) == "$1,234,567.999999999"
    assert format_exact(27 * NANOS_PER_USD) == "$27.00"


@given(st.integers(min_value=NANOS_PER_CENT, max_value=2**63 - 1))
def test_from_one_cent_up_what_is_shown_is_within_half_a_cent(amount: int):
    assert abs(shown(format_usd(amount)) - to_usd(amount)) <= Decimal("0.005")


@given(below_a_cent)
@example(999_500)
@example(9_995_000)
def test_below_one_cent_what_is_shown_is_within_half_a_unit_of_the_third_figure(amount: int):
    text = format_usd(amount)
    assert abs(shown(text) - to_usd(amount)) <= to_usd(amount) / 200
    figures = text.replace("$", "").replace(".", "").lstrip("0")
    assert 1 <= len(figures) <= 3
    assert len(figures) == 3 or text == "$0.01" or amount < 100
    assert shown(text) > 0


@given(nanos)
def test_a_debt_is_shown_as_the_same_amount_with_a_sign(amount: int):
    if amount > 0:
        assert format_usd(-amount) == f"-{format_usd(amount)}"


@given(st.integers(min_value=0, max_value=2**63 - 1), st.integers(min_value=0, max_value=2**63 - 1))
def test_more_is_never_shown_as_less(one: int, other: int):
    smaller, larger = sorted((one, other))
    assert shown(format_usd(smaller)) <= shown(format_usd(larger))


@given(st.decimals(min_value=0, max_value=10**6, places=18))
def test_a_charge_is_rounded_up_by_less_than_one_nano(usd: Decimal):
    assert 0 <= ceil_nanos(usd) - usd * NANOS_PER_USD < 1


def test_dollars_and_cents_are_whole_nanos():
    assert from_usd(27) == from_cents(2_700) == 27_000_000_000
