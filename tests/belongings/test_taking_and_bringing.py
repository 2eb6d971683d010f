"""What a person takes along they can bring in again, and a file can do nothing that its person could not."""

import io
import json
import zipfile

import pytest
from sqlmodel import select

from projectloom import limits
from projectloom.belongings.bringing import bring_in
from projectloom.belongings.files import file_name, json_file, markdown_file
from projectloom.belongings.reading import cursor, list_heads, read_all, read_head
from projectloom.belongings.taking import archive
from projectloom.conversations.chats import add_message, create_conversation, set_deleted
from projectloom.conversations.models import Conversation, Message, Role
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput, NotFound, TooLarge
from projectloom.metering.models import Turn
from projectloom.workspace.chats import archive_conversation, pin_conversation
from projectloom.workspace.preferences import save_provider_key

SCRIPT = "Hello <script>alert(1)</script>\n```html\n<b>kept</b>\n```\nand `<i>` too"


def talk(person: str, title: str = "Rivers", *texts: str) -> str:
    with transaction() as session:
        row = create_conversation(session, user_id=person, first_text=title)
        asked = add_message(session, conversation=row, role=Role.USER, text=title)
        for text in texts or ("They flow.",):
            add_message(session, conversation=row, role=Role.ASSISTANT, text=text, parent_id=asked.id)
        return row.id


def said(person: str, conversation_id: str) -> list[tuple[str, str, int | None]]:
    """Role, text and whom it answers, by place."""
    found = list(read_all(person, conversation_id))
    places = {one.id: place for place, one in enumerate(found)}
    return [(one.role, one.text, places.get(one.parent_id or "")) for one in found]


def as_json(person: str, conversation_id: str) -> str:
    return "".join(json_file(read_head(person, conversation_id), read_all(person, conversation_id)))


def test_a_conversation_comes_back_from_its_json_as_it_was_with_its_branches(person: str):
    conversation_id = talk(person, "Rivers & “lakes”", "They flow.", "They\nalso   rest. \u0394", "")
    made = bring_in(person, as_json(person, conversation_id).encode())
    (copy,) = made.conversation_ids
    assert made.messages == 4
    assert copy != conversation_id
    assert said(person, copy) == said(person, conversation_id)
    head, old = read_head(person, copy), read_head(person, conversation_id)
    assert (head.title, head.created_at) == (old.title, old.created_at)
    times = [[one.created_at for one in read_all(person, one_id)] for one_id in (copy, conversation_id)]
    assert times[0] == times[1]


def test_the_archive_has_everything_but_keys_and_can_be_brought_in_whole(person: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "LIST_PAGE", 2)
    monkeypatch.setattr(limits, "MESSAGES_PAGE", 2)
    ids = [talk(person, f"Chat {number}", "one", "two", "three") for number in range(5)]
    with transaction() as session:
        set_deleted(session, user_id=person, conversation_id=ids[0], deleted=True)
    save_provider_key(person, "openai", "sk-own-secret-0123456789")
    pieces = list(archive(person))
    whole = b"".join(pieces)
    with zipfile.ZipFile(io.BytesIO(whole)) as made:
        assert made.testzip() is None
        names = made.namelist()
        texts = {name: made.read(name).decode() for name in names}
    assert {"README.txt", "account.json", "usage.jsonl", "statement.csv"} <= set(names)
    assert (
        sum(name.endswith(".md") for name in names)
        == sum("/0" in name and name.endswith(".json") for name in names)
        == 5
    )
    assert sum(name.startswith("conversations/in-trash/") for name in names) == 2
    assert "secret" not in "".join(texts.values())
    assert json.loads(texts["account.json"])["providerKeys"] == {"openai": "sk-…6789"}
    made = bring_in(person, whole)
    assert len(made.conversation_ids) == 5
    assert made.messages == 20


def test_markdown_is_inert_outside_of_code_and_the_name_of_a_file_is_only_a_name(person: str):
    conversation_id = talk(person, "=cmd()<img onerror=x>\n# two", SCRIPT, "```\nnever closed")
    text = "".join(markdown_file(read_head(person, conversation_id), read_all(person, conversation_id)))
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script>" in text
    assert "<b>kept</b>" in text
    assert "`<i>`" in text
    assert text.count("```") % 2 == 0
    assert file_name("=cmd|'/C calc'!A0 <b> ../../etc", "md") == "cmd-C-calc-A0-b-etc.md"
    assert file_name("日本", "json") == "conversation.json"


def test_a_strangers_conversation_can_be_neither_read_nor_listed_nor_taken(person: str, stranger: str):
    conversation_id = talk(stranger, "Secret")
    with pytest.raises(NotFound):
        read_head(person, conversation_id)
    assert list(read_all(person, conversation_id)) == []
    assert list_heads(person) == []
    assert b"Secret" not in b"".join(archive(person))


def test_the_list_is_read_page_by_page_without_a_gap_and_looks_in_titles_as_they_are_written(person: str):
    ids = [talk(person, f"{'Tax 100%' if number % 2 else 'River'} {number}") for number in range(7)]
    seen, before = [], None
    while page := list_heads(person, before=before, most=3):
        seen += [head.id for head in page]
        before = cursor(page[-1])
    assert seen == ids[::-1]
    assert [head.id for head in list_heads(person, words="tax 100%")] == [ids[5], ids[3], ids[1]]
    assert list_heads(person, words="t_x") == []
    for wrong in ("", "x", "2026-01-01~", "2026-01-01T00:00:00~conv_1", "~conv", "0001-01-01T00:00:00+14:00~c"):
        with pytest.raises(InvalidInput):
            list_heads(person, before=wrong)


def a_file(**changes: object) -> bytes:
    values = {"format": "projectloom.conversation", "version": 1, "title": "T", "messages": []}
    return json.dumps(values | changes).encode()


def a_message(**changes: object) -> dict[str, object]:
    return {"id": "a", "parentId": None, "role": "user", "text": "Hello"} | changes


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b"[" * 100_000,
        b"PK\x03\x04 no archive",
        a_file(format="other"),
        a_file(version=2),
        a_file(title=5),
        a_file(title="a\x00b"),
        a_file(messages={}),
        a_file(messages=["text"]),
        a_file(messages=[a_message(role="tool")]),
        a_file(messages=[a_message(role=["user"])]),
        a_file(messages=[a_message(text=None)]),
        a_file(messages=[a_message(text="\ud800")]),
        a_file(messages=[a_message(parentId="b")]),
        a_file(messages=[a_message(parentId="a")]),
        a_file(messages=[a_message(parentId=["a"])]),
    ],
)
def test_a_file_that_is_not_ours_makes_nothing_and_says_so(person: str, file: bytes):
    with pytest.raises(InvalidInput):
        bring_in(person, file)
    with reading() as session:
        assert session.exec(select(Conversation)).all() == []


def test_too_much_is_refused_whole(person: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "MAX_IMPORTED_CONVERSATIONS", 2)
    with pytest.raises(TooLarge):
        bring_in(person, b"[" + b",".join([a_file()] * 3) + b"]")
    with pytest.raises(TooLarge):
        bring_in(person, a_file(messages=[a_message(id=str(number)) for number in range(limits.MAX_MESSAGES + 1)]))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("conversations/1.json", b" " * (limits.MAX_IMPORT_BYTES + 1))
    with pytest.raises(TooLarge):
        bring_in(person, bomb.getvalue())
    # Many parts cost far more than their bytes, so they are counted before any of them is made.
    some = b"[" + b",".join([b"[]"] * (limits.MAX_IMPORT_MARKS // 3)) + b"]"
    parts = io.BytesIO()
    with zipfile.ZipFile(parts, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("conversations/1.json", some)
        made.writestr("conversations/2.json", some)
    for file in (b"[" + some + b"," + some + b"]", parts.getvalue()):
        with pytest.raises(TooLarge, match="too many parts"):
            bring_in(person, file)
    with reading() as session:
        assert session.exec(select(Conversation)).all() == []


def test_a_file_makes_no_turn_whatever_it_says_and_no_time_to_come(person: str):
    message = a_message(role="assistant", turnId="turn_x", costUsd="5", createdAt="2999-01-01T00:00:00+00:00")
    early = a_message(id="b", createdAt="0001-01-01T00:00:00+14:00")
    bring_in(person, a_file(messages=[message, early], createdAt="not a time", balance=99))
    with reading() as session:
        for kept in session.exec(select(Message)).all():
            assert kept.turn_id is None
            assert 2020 < kept.created_at.year < 2999
        assert session.exec(select(Turn)).all() == []


def test_what_is_pinned_and_archived_comes_back_so_as_far_as_there_is_room(
    person: str, monkeypatch: pytest.MonkeyPatch
):
    first, second, third = (talk(person, f"Talk {number}") for number in range(3))
    pin_conversation(person, first, pinned=True)
    archive_conversation(person, second, archived=True)
    files = [as_json(person, one).encode() for one in (first, second, third)]
    copies = [bring_in(person, file).conversation_ids[0] for file in files]
    states = [(head.pinned, head.archived) for head in (read_head(person, one) for one in copies)]
    assert states == [(True, False), (False, True), (False, False)]
    monkeypatch.setattr(limits, "MAX_PINNED", 2)
    assert not read_head(person, bring_in(person, files[0]).conversation_ids[0]).pinned
