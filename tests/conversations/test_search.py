"""Finding words in all that was said, by the index alone."""

import time

import pytest
from alembic.config import Config
from sqlalchemy import Engine, text

from alembic import command
from projectloom import limits
from projectloom.config import PROJECT_ROOT
from projectloom.conversations.chats import add_message, create_conversation, write_reply
from projectloom.conversations.models import Conversation
from projectloom.conversations.search import Found, search_conversations
from projectloom.db import reading, transaction
from projectloom.jobs.schema import migrate
from projectloom.texts import composed
from projectloom.workspace.chats import archive_conversation, delete_conversation, rename_conversation
from tests.conftest import new_person

from .plans import plans_of


def talk(person: str, *texts: str, title: str = "A talk") -> str:
    """A conversation with these messages; its id."""
    with transaction() as session:
        row = create_conversation(session, user_id=person, first_text=title)
        for said in texts:
            add_message(session, conversation=row, role="user", text=said)
    return row.id


def found(person: str, words: str) -> list[Found]:
    with reading() as session:
        return search_conversations(session, user_id=person, words=words, limit=limits.SEARCH_RESULTS)


def places(person: str, words: str) -> list[str]:
    return [one.conversation_id for one in found(person, words)]


def test_all_words_are_found_in_any_order_by_their_beginnings_and_in_either_case(person: str):
    danube = talk(person, "We took a Boat on the DANUBE in spring.")
    talk(person, "We took a boat.", "The Danube is long.")
    for words in ("danube boat", "Dan boa", "DANUBE", "dan spring a", "boat on"):
        assert danube in places(person, words), words
    assert places(person, "danube boat") == [danube]
    assert places(person, "anube") == []
    assert places(person, "boating") == []


def test_one_letter_narrows_what_the_other_words_find_while_one_types_on(person: str):
    c, d = talk(person, "Vitamin C is in oranges"), talk(person, "Vitamin D is in fish")
    assert places(person, "vitamin") == [d, c]
    assert places(person, "vitamin o") == places(person, "vitamin c") == [c]
    assert places(person, "d") == [d]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Ärger in Überlingen", "ärger überl"),
        ("Ask jane.doe@example.org about it", "doe@example.org"),
        ("Ask jane.doe@example.org about it", "example"),
        ("It lies in /srv/www/index.html", "index.html"),
        ("It lies in /srv/www/index.html", "www"),
        ("def read_page(user_id): ...", "read_page("),
        ("def read_page(user_id): ...", "page"),
        ("She said “enough” — and left", "enough"),
        ("東京へ行きました", "京へ"),
        ("Don't panic", "don't"),
        ("3.14 is not 22/7", "22/7"),
        ("Version v2.10 came", "v2"),
        ('{"key": "value"}', '"key": "val'),
    ],
)
def test_words_are_found_whatever_stands_around_them(person: str, said: str, words: str):
    wanted = talk(person, said)
    talk(person, "Nothing of the kind")
    assert places(person, words) == [wanted]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("We met in a café", "cafe"),
        ("We met in a cafe", "café"),
        ("We met in a CAFÉ", "Cafe"),
        ("We met in a cafe\u0301", "café"),
        ("We met in a café", "cafe\u0301"),
        ("Ärger in Überlingen", "arger uberl"),
        ("Crème brûlée, s'il vous plaît", "creme brulee plait"),
        ("Tiếng Việt", "tieng viet"),
        ("El niño pequeño", "nino"),
        ("Žižek, Čapek", "zizek cap"),
        ("naïve?", "naive?"),
    ],
)
def test_words_are_found_with_and_without_accents_in_messages_and_titles(person: str, said: str, words: str):
    wanted = talk(person, said)
    named = talk(person, "Nothing of the kind", title=said)
    assert sorted(places(person, words)) == sorted([wanted, named])
    assert {hit.snippet for hit in found(person, words)} == {composed(said), ""}


def test_what_other_scripts_write_at_a_letter_tells_words_apart(person: str):
    mine, moi = talk(person, "Это мой дом"), talk(person, "Это мои дома")
    assert (places(person, "мой"), places(person, "мои")) == ([mine], [moi])
    assert places(person, "МОЙ") == [mine]


def test_what_stands_around_a_word_that_was_found_without_its_accents_begins_where_it_is(person: str):
    talk(person, "né " * 200 + "Überlingen am See " + "né " * 200)
    [hit] = found(person, "uberlingen")
    assert "Überlingen am See" in hit.snippet


@pytest.mark.parametrize("words", ["", "   ", "\x00", "'; DROP TABLE messages --", "* OR owner", "((", '"', "@", ":*"])
def test_no_words_can_break_a_search(person: str, words: str):
    talk(person, "Everything")
    assert found(person, words) == []


def test_a_hit_names_the_latest_message_with_the_words_and_shows_what_stands_around_them(person: str):
    with transaction() as session:
        row = create_conversation(session, user_id=person, first_text="Talk")
        add_message(session, conversation=row, role="user", text="rivers first")
        last = add_message(session, conversation=row, role="user", text="and " * 200 + "rivers last " + "and " * 200)
        add_message(session, conversation=row, role="user", text="mountains")
    [hit] = found(person, "riv")
    assert (hit.conversation_id, hit.message_id) == (row.id, last.id)
    assert "rivers last" in hit.snippet
    assert len(hit.snippet) <= limits.SNIPPET_CHARS


def test_what_stands_around_a_hit_is_told_without_what_markdown_is_written_with(person: str):
    with transaction() as session:
        row = create_conversation(session, user_id=person, first_text="Talk")
        add_message(session, conversation=row, role="assistant", text="## Rivers\n\n- **Flow** to `the_sea`\n> 2 * 3")
    [hit] = found(person, "flow")
    assert hit.snippet == "Rivers Flow to the_sea 2 * 3"


def test_titles_come_first_then_the_latest_and_each_conversation_once(person: str):
    first = talk(person, "rivers", "more rivers", "rivers again")
    titled = talk(person, "boats", title="Rivers")
    both = talk(person, "rivers", title="Great rivers")
    last = talk(person, "rivers")
    assert places(person, "rivers") == [both, titled, last, first]
    assert [bool(hit.message_id) for hit in found(person, "rivers")] == [True, False, True, True]
    rename_conversation(person, titled, "Überraschung")
    assert places(person, "überr") == [titled]


def test_nobody_finds_what_is_another_s_and_the_trash_is_not_found_but_the_archive_is(person: str):
    other = new_person()
    mine, theirs, thrown = talk(person, "rivers"), talk(other, "rivers"), talk(person, "rivers")
    delete_conversation(person, thrown)
    archive_conversation(person, mine, archived=True)
    assert [(hit.conversation_id, hit.archived) for hit in found(person, "rivers")] == [(mine, True)]
    assert places(other, "rivers") == [theirs]
    # A person's id is a word of the index, and no way into it.
    assert places(other, person) == []
    assert places(other, person.encode().hex()) == []


def test_a_reply_is_found_once_it_is_written_and_what_is_gone_is_not(person: str):
    with transaction() as session:
        row = create_conversation(session, user_id=person, first_text="Talk")
        message = add_message(session, conversation=row, role="assistant", text="", turn_id="turn_1")
    assert found(person, "rivers") == []
    with transaction() as session:
        write_reply(session, turn_id="turn_1", text="Rivers flow")
    assert places(person, "rivers") == [row.id]
    with transaction() as session:
        write_reply(session, turn_id="turn_1", text="Mountains stand")
    assert (places(person, "rivers"), places(person, "mount")) == ([], [row.id])
    with transaction() as session:
        session.connection().execute(text("DELETE FROM messages WHERE id = :id"), {"id": message.id})
    assert places(person, "mount") == []


def test_what_was_said_before_there_was_an_index_is_found(books: Engine, person: str):
    first, last = talk(person, "Rivers flow"), talk(person, "Rivers bend")
    books.dispose()
    command.downgrade(Config(str(PROJECT_ROOT / "alembic.ini")), "0009")
    migrate()
    assert places(person, "rivers") == [last, first]


def test_a_text_that_is_longer_than_the_index_takes_is_kept_and_found_by_its_beginning(person: str):
    book = talk(person, "opening " + " ".join(f"word{number}é" for number in range(180_000)))
    assert places(person, "opening") == [book]


def test_a_common_word_and_a_rare_one_are_found_among_thousands(books: Engine, person: str):
    fill(person, conversations=300, messages=10)
    talk(person, "needle")
    fill(person, conversations=100, messages=10)
    assert len(places(person, "common")) == limits.SEARCH_RESULTS
    assert len(places(person, "needle common")) == 0
    assert len(places(person, "needle")) == 1
    begun = time.monotonic()
    for words in ("common", "needle", "absent"):
        found(person, words)
    assert time.monotonic() - begun < 2


def fill(person: str, *, conversations: int, messages: int) -> None:
    """Many conversations, every message of which has the word ``common``."""
    with transaction() as session:
        for number in range(conversations):
            row = Conversation(id=f"conv_{person}_{conversations}_{number:05}", user_id=person, title="Talk")
            session.add(row)
            session.flush()
            for place in range(messages):
                add_message(session, conversation=row, role="user", text=f"A common text {number} {place}")


def test_a_search_reads_the_index_of_words_and_no_message_but_those_it_shows(books: Engine, person: str):
    talk(person, "needle")
    fill(person, conversations=60, messages=20)
    plans = plans_of(books, lambda: found(person, "needle"))
    words, texts = plans[-2], plans[-1]
    if books.dialect.name == "postgresql":
        assert "ix_message_words_words" in words
        assert "pk_messages" in texts
    else:
        assert "VIRTUAL TABLE INDEX" in words
        assert "sqlite_autoindex_messages_1" in texts
    assert not any(way in plan for plan in plans for way in ("Seq Scan", "SCAN messages", "SCAN m", "SCAN w"))


def test_what_many_messages_say_is_found_along_the_latest_of_them(
    books: Engine, person: str, monkeypatch: pytest.MonkeyPatch
):
    talk(person, "common needle")
    fill(person, conversations=60, messages=10)
    monkeypatch.setattr(limits, "SEARCH_HITS", 100)
    monkeypatch.setattr(limits, "SEARCH_LATEST", 7)
    latest = [f"conv_{person}_60_{number:05}" for number in reversed(range(60))]
    assert places(person, "common") == latest[: limits.SEARCH_RESULTS]
    assert len(places(person, "common text 3")) == limits.SEARCH_RESULTS
    assert len(places(person, "needle")) == 1
