import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projectloom.billing.packs import PACKS, custom_pack, find_pack
from projectloom.errors import InvalidAmount
from projectloom.money import from_usd, usd_string

JSON_AMOUNTS = ("0", "-1", "-25", "NaN", "Infinity", "1e309", "0.1", "10.0", "25.5", "1e1", "true", "false", "null")
JSON_AMOUNTS += ('"10"', '"٢٥"', '"25"', "[25]", '{"amount": 25}', "9" * 4_000, "2500", "11")


def test_the_packs_and_their_bonuses_are_those_of_the_contract():
    sold = {pack.amount_usd: (usd_string(pack.price_nanos), usd_string(pack.credit_nanos)) for pack in PACKS}
    assert sold == {
        10: ("10.00", "10.00"),
        25: ("25.00", "27.00"),
        50: ("50.00", "55.00"),
        100: ("100.00", "115.00"),
    }
    assert find_pack(100).bonus_nanos == from_usd(15)
    assert [pack.bonus_words for pack in PACKS] == [
        "$10 of credit",
        "$25 + $2 bonus",
        "$50 + $5 bonus",
        "$100 + $15 bonus",
    ]


@pytest.mark.parametrize("amount", JSON_AMOUNTS, ids=lambda text: text[:12])
def test_an_amount_that_only_looks_like_a_pack_buys_nothing(amount: str):
    with pytest.raises(InvalidAmount):
        find_pack(json.loads(amount))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3))
def test_whatever_json_spells_either_is_a_pack_or_is_refused(amount: object):
    try:
        pack = find_pack(amount)
    except InvalidAmount:
        return
    assert type(amount) is int
    assert amount == pack.amount_usd


@given(st.integers(5, 500))
def test_more_money_never_brings_a_smaller_share_of_bonus(amount: int):
    pack, less = custom_pack(amount), custom_pack(max(amount - 1, 5))
    assert pack.bonus_cents * less.amount_usd >= less.bonus_cents * pack.amount_usd
    for sold in PACKS:
        if sold.amount_usd <= amount:
            assert pack.bonus_cents * sold.amount_usd >= sold.bonus_cents * amount
