"""Ids sort by their making, and nobody makes another's, whatever is kept to make them quickly."""

import os
from datetime import UTC, datetime

from projectloom import ids
from projectloom.ids import first_id, new_id


def test_ids_are_unique_and_sort_by_their_making():
    made = [new_id("x") for _ in range(5_000)]
    assert made == sorted(set(made))
    assert all(len(one) == len("x_") + 26 for one in made)
    assert first_id("x", datetime.now(UTC).replace(year=2000)) < made[0]


def test_an_id_has_all_of_its_random_bits():
    # Of 80 bits drawn 200 times each is set sometimes and unset sometimes.
    drawn = [ids._random(80) for _ in range(200)]
    assert len(set(drawn)) == 200
    for bit in range(80):
        assert 0 < sum(value >> bit & 1 for value in drawn) < 200


def test_a_forked_process_does_not_draw_what_its_parent_draws():
    new_id("x")
    assert ids._pool
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, ids._random(80).to_bytes(10))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = int.from_bytes(os.read(reader, 10))
    assert theirs != ids._random(80)
