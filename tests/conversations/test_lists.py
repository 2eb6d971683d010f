"""The lists of conversations, page by page, and what moves one from list to list."""

import pytest
from sqlalchemy import Engine, update

from projectloom import limits
from projectloom.clock import now
from projectloom.conversations.chats import add_message, create_conversation, find_conversation
from projectloom.conversations.models import Conversation
from projectloom.db import transaction
from projectloom.errors import InvalidInput, NotFound
from projectloom.workspace.chats import (
    ConversationView,
    Shelf,
    archive_conversation,
    delete_conversation,
    pin_conversation,
    read_conversation,
    read_page,
    restore_conversation,
)
from tests.conftest import new_person

from .plans import plans_of


def begin(person: str, count: int) -> list[str]:
    """So many conversations; their ids, the latest first."""
    with transaction() as session:
        rows = [create_conversation(session, user_id=person, first_text=f"Talk {number}") for number in range(count)]
    return [row.id for row in reversed(rows)]


def ids(views: list[ConversationView]) -> list[str]:
    return [view.id for view in views]


def whole_list(person: str, shelf: Shelf = Shelf.MAIN) -> list[str]:
    found: list[str] = []
    page = read_page(person, shelf)
    while True:
        found += ids(page.rows)
        if not page.more:
            return found
        page = read_page(person, shelf, page.more)


def test_all_pages_together_are_the_whole_list_once_and_in_order(person: str):
    made = begin(person, 2 * limits.CONVERSATIONS_PAGE + 7)
    begin(new_person(), 3)
    assert len(read_page(person).rows) == limits.CONVERSATIONS_PAGE
    assert whole_list(person) == made
    assert ids(read_page(person, size=1_000_000).rows) == made
    assert len(read_page(person, size=-1).rows) == limits.CONVERSATIONS_PAGE


def test_conversations_of_one_moment_are_neither_lost_nor_doubled_between_pages(person: str):
    made = begin(person, limits.CONVERSATIONS_PAGE + 9)
    with transaction() as session:
        session.connection().execute(update(Conversation).values(updated_at=now()))
    assert whole_list(person) == sorted(made, reverse=True)


def test_what_moves_up_while_one_scrolls_is_not_missed_further_down(person: str):
    made = begin(person, limits.CONVERSATIONS_PAGE + 5)
    page = read_page(person)
    with transaction() as session:
        row = find_conversation(session, user_id=person, conversation_id=made[-1])
        add_message(session, conversation=row, role="user", text="Again")
    assert ids(read_page(person, Shelf.MAIN, page.more).rows) == made[limits.CONVERSATIONS_PAGE : -1]
    assert ids(read_page(person).rows)[0] == made[-1]


def test_the_pinned_stand_on_top_and_nowhere_else(person: str):
    made = begin(person, 3)
    pin_conversation(person, made[2], pinned=True)
    pin_conversation(person, made[1], pinned=True)
    page = read_page(person)
    assert (ids(page.pinned), ids(page.rows)) == ([made[1], made[2]], [made[0]])
    pin_conversation(person, made[2], pinned=False)
    page = read_page(person)
    assert (ids(page.pinned), ids(page.rows)) == ([made[1]], [made[0], made[2]])


def test_no_more_than_so_many_are_pinned_and_it_is_said(person: str):
    made = begin(person, limits.MAX_PINNED + 1)
    for one in made[:-1]:
        pin_conversation(person, one, pinned=True)
    with pytest.raises(InvalidInput, match="Unpin one"):
        pin_conversation(person, made[-1], pinned=True)
    pin_conversation(person, made[0], pinned=True)
    delete_conversation(person, made[0])
    pin_conversation(person, made[-1], pinned=True)


def test_the_archive_and_the_trash_hold_what_was_put_there_until_it_is_taken_back(person: str):
    made = begin(person, 4)
    archive_conversation(person, made[0], archived=True)
    delete_conversation(person, made[1])
    delete_conversation(person, made[2])
    assert whole_list(person) == [made[3]]
    assert whole_list(person, Shelf.ARCHIVE) == [made[0]]
    assert whole_list(person, Shelf.TRASH) == [made[2], made[1]]
    assert read_conversation(person, made[1]).deleted_at is not None
    archive_conversation(person, made[0], archived=False)
    restore_conversation(person, made[1])
    restore_conversation(person, made[2])
    assert whole_list(person) == made


def test_the_trash_is_paged_by_when_something_was_deleted(person: str):
    made = begin(person, limits.CONVERSATIONS_PAGE + 2)
    for one in made:
        delete_conversation(person, one)
    assert whole_list(person, Shelf.TRASH) == made[::-1]


def test_an_archived_conversation_that_is_deleted_is_in_the_trash_alone_and_comes_back_archived(person: str):
    [one] = begin(person, 1)
    archive_conversation(person, one, archived=True)
    delete_conversation(person, one)
    assert (whole_list(person, Shelf.ARCHIVE), whole_list(person, Shelf.TRASH)) == ([], [one])
    restore_conversation(person, one)
    assert whole_list(person, Shelf.ARCHIVE) == [one]


def test_nobody_moves_or_reads_another_s_conversation(person: str):
    [one] = begin(new_person(), 1)
    for attempt in (
        lambda: pin_conversation(person, one, pinned=True),
        lambda: archive_conversation(person, one, archived=True),
        lambda: delete_conversation(person, one),
        lambda: restore_conversation(person, one),
        lambda: read_conversation(person, one),
    ):
        with pytest.raises(NotFound):
            attempt()


@pytest.mark.parametrize(
    "after", ["x", "~", "2026-01-01~conv_1", "yesterday~conv_1", "2026-01-01T00:00:00+00:00~\x00", "9" * 100]
)
def test_a_place_that_no_list_has_is_refused(person: str, after: str):
    with pytest.raises(InvalidInput):
        read_page(person, Shelf.MAIN, after)


def test_a_page_reads_the_index_of_its_list_in_its_order(books: Engine, person: str):
    begin(person, limits.CONVERSATIONS_PAGE + 2)
    begin(new_person(), 5)
    more = read_page(person).more
    for shelf, index in ((Shelf.MAIN, "kept"), (Shelf.ARCHIVE, "archived"), (Shelf.TRASH, "trash")):
        for after in ("", more):
            plans = plans_of(books, lambda shelf=shelf, after=after: read_page(person, shelf, after))
            # Of an empty list Postgres expects the same from the index of another, in the same order.
            assert f"ix_conversations_{index if books.dialect.name == 'sqlite' else ''}" in plans[-1]
            assert not any(way in plan for plan in plans for way in ("Seq Scan", "SCAN", "TEMP B-TREE", "Sort"))
