"""Finding words in all that a person's conversations say, by the index of words that the database keeps.

The index (``message_words``, docs/decisions/0013) answers for whole messages, the latest first, and only the person's
own. A word is found wherever one begins with it, with or without the accents of Latin letters on either side. What
stands between words is taken as it is written: ``5%`` is found only where the sign is too.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import LargeBinary, TextClause, cast, func, text
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from projectloom import limits
from projectloom.conversations.models import Conversation, Message
from projectloom.texts import composed, folded, is_storable

# Chinese, Japanese, Thai, Lao, Burmese and Khmer are written without a space between words.
_UNPARTED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
# What Markdown is written with, which says nothing in a line of plain text.
_MARKS = re.compile(r"^[ \t]*(?:#{1,6}|>|[-*+])[ \t]+|\*\*|`+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation that a search found, and the text around the words; empty where only its title has them."""

    conversation_id: str
    title: str
    archived: bool
    message_id: str | None
    snippet: str


@dataclass(frozen=True, slots=True)
class _Hit:
    conversation_id: str
    title: str
    archived: bool
    message_id: str | None


def search_conversations(
    session: Session, *, user_id: str, words: str, limit: int, besides: str | None = None
) -> list[Found]:
    """The person's conversations with all of ``words`` in a title or in one message; ``besides`` is left out.

    Those whose title has them come first, then those that say them, each the latest first; a conversation is named
    once, with its latest message that has the words. What is in the trash is not found, what is archived is.
    """
    wanted = folded(words).split()[: limits.MAX_SEARCH_WORDS]
    if not wanted or not is_storable(words):
        return []
    hits: dict[str, _Hit] = {}
    titled = _titled(session, user_id, wanted, limit + 1)
    said = _said(session, user_id, wanted)
    for hit in (*titled, *_first_of_each(said, limit + 1)):
        known = hits.get(hit.conversation_id)
        if hit.conversation_id != besides and (known is None or known.message_id is None):
            hits[hit.conversation_id] = hit
    return _with_snippets(session, list(hits.values())[:limit], wanted)


def _first_of_each(hits: Iterable[_Hit], limit: int) -> Generator[_Hit]:
    seen: set[str] = set()
    for hit in hits:
        if hit.conversation_id not in seen:
            seen.add(hit.conversation_id)
            yield hit
            if len(seen) == limit:
                return


def _titled(session: Session, user_id: str, wanted: list[str], limit: int) -> list[_Hit]:
    """Those whose titles have the words, the latest first.

    Plain titles are compared by the database. Those with other letters it hands out, so many of the latest: no engine
    folds them quickly.
    """
    title, read = col(Conversation.title), session.connection().execute
    latest = (col(Conversation.updated_at).desc(), col(Conversation.id).desc())
    mine = select_columns(col(Conversation.id), title).order_by(*latest)
    mine = mine.where(col(Conversation.user_id) == user_id, col(Conversation.deleted_at).is_(None))
    has_other_letters = func.length(cast(title, LargeBinary)) != func.length(title)
    if session.get_bind().dialect.name == "postgresql":
        has_other_letters = func.octet_length(title) != func.char_length(title)
    plain = mine.where(~has_other_letters, *(title.icontains(word, autoescape=True) for word in wanted)).limit(limit)
    words = [word.lower() for word in wanted]
    with_other_letters = read(mine.where(has_other_letters).limit(limits.SEARCH_TITLES))
    others = (row for row in with_other_letters if _has_all(row.title, words))
    ids = [row.id for row in (*read(plain), *islice(others, limit))]
    rows = session.exec(select(Conversation).where(col(Conversation.id).in_(ids)).order_by(*latest).limit(limit)).all()
    return [_Hit(row.id, row.title, row.archived_at is not None, None) for row in rows]


def _has_all(title: str, words: list[str]) -> bool:
    said = folded(title).lower()
    return all(word in said for word in words)


def _said(session: Session, user_id: str, wanted: list[str]) -> Iterator[_Hit]:
    words = [word for word in wanted if any(character.isalnum() for character in word)]
    if not words or any(_UNPARTED.search(word) for word in words):
        return _that_have(session, _latest(session, user_id), [_as_written(word) for word in wanted])
    # Too many words begin with one letter for the index: beside others it is looked for in what has those.
    indexed = [word for word in words if len(word) > 1] or words
    find = _sqlite_hits if session.get_bind().dialect.name == "sqlite" else _postgres_hits
    hits = find(session, user_id, indexed)
    further = [_as_written(word) for word in wanted if not word.isalnum()]
    further += [_begun_with(word) for word in words if word not in indexed]
    return _that_have(session, hits, further) if further else hits


def _as_written(word: str) -> re.Pattern[str]:
    return re.compile(re.escape(word), re.IGNORECASE)


def _begun_with(words: str) -> re.Pattern[str]:
    """Where a word begins with one of these, which are separated by spaces."""
    either = "|".join(re.escape(word) for word in words.split())
    return re.compile(rf"(?<![^\W_])(?:{either})", re.IGNORECASE)


def _that_have(session: Session, hits: Iterator[_Hit], wanted: list[re.Pattern[str]]) -> Generator[_Hit]:
    """Of the first of ``hits`` those whose text has all that is wanted."""
    for some in _portions(islice(hits, limits.SEARCH_WALKED)):
        texts = _texts(session, some)
        for hit in some:
            said = folded(texts.get(hit.message_id or "", ""))
            if all(one.search(said) for one in wanted):
                yield hit


def _portions(hits: Iterator[_Hit]) -> Generator[list[_Hit]]:
    while some := list(islice(hits, limits.SEARCH_PORTION)):
        yield some


def _texts(session: Session, hits: Iterable[_Hit]) -> dict[str, str]:
    wanted = [hit.message_id for hit in hits if hit.message_id]
    return dict(session.exec(select(Message.id, Message.text).where(col(Message.id).in_(wanted))).all())


_OF_SQLITE = text("""
    SELECT c.id, c.title, c.archived_at IS NOT NULL, w.message_id FROM message_words_fts f
    JOIN message_words w ON w.number = f.rowid JOIN conversations c ON c.id = w.conversation_id
    WHERE message_words_fts MATCH :asked AND c.user_id = :user_id AND c.deleted_at IS NULL ORDER BY f.rowid DESC
""")
_LATEST = text("""
    SELECT c.id, c.title, c.archived_at IS NOT NULL, w.message_id FROM message_words w
    JOIN conversations c ON c.id = w.conversation_id
    WHERE w.user_id = :user_id AND c.user_id = :user_id AND c.deleted_at IS NULL ORDER BY w.number DESC LIMIT :most
""")
_ASKED = text("SELECT words_asked(:user_id, :whole, :begun)::text")
# Whatever the planner believes of a word, the index answers, and no order is asked of it that a walk could bring.
_FEW = text("""
    WITH hit AS MATERIALIZED (
        SELECT * FROM (SELECT * FROM message_words WHERE words @@ CAST(:asked AS tsquery) OFFSET 0) AS said
        WHERE number < :before LIMIT :most
    )
    SELECT c.id, c.title, c.archived_at IS NOT NULL, w.message_id, c.deleted_at IS NULL AND c.user_id = :user_id
    FROM hit w JOIN conversations c ON c.id = w.conversation_id ORDER BY w.number DESC
""")
_STRETCH = text("""
    SELECT min(number) FROM (SELECT number FROM message_words WHERE user_id = :user_id AND number < :before
    ORDER BY number DESC LIMIT :most) AS stretch
""")
# IS TRUE keeps the index of words out of it: here every message of the stretch is looked at.
_IN_STRETCH = text("""
    SELECT c.id, c.title, c.archived_at IS NOT NULL, w.message_id FROM message_words w
    JOIN conversations c ON c.id = w.conversation_id
    WHERE w.user_id = :user_id AND w.number >= :first AND w.number < :before
        AND (w.words @@ CAST(:asked AS tsquery)) IS TRUE AND c.user_id = :user_id AND c.deleted_at IS NULL
    ORDER BY w.number DESC
""")
_BEYOND = 2**62


def _rows(session: Session, statement: TextClause, **values: object) -> Generator[_Hit]:
    for conversation_id, title, archived, message_id in session.connection().execute(statement, values):
        yield _Hit(conversation_id, title, bool(archived), message_id)


def _latest(session: Session, user_id: str) -> Generator[_Hit]:
    return _rows(session, _LATEST, user_id=user_id, most=limits.SEARCH_WALKED)


def _sqlite_hits(session: Session, user_id: str, words: list[str]) -> Generator[_Hit]:
    said = " AND ".join('"' + word.replace('"', '""') + '"' + (" *" if len(word) > 1 else "") for word in words)
    # Rows come as the index finds them, the latest first; nobody reads further than is wanted.
    return _rows(session, _OF_SQLITE, user_id=user_id, asked=f"owner : {user_id.encode().hex()} AND text : ({said})")


def _postgres_hits(session: Session, user_id: str, words: list[str]) -> Generator[_Hit]:
    """Among the latest messages; then by the index where few have the words, and on along the messages where many do.

    What many say is found among the latest. Nobody reads further than is wanted, so the index, which would have to name
    them all, is not asked then.
    """
    connection = session.connection()
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    whole, begun = [word for word in words if len(word) == 1], [word for word in words if len(word) > 1]
    asked = connection.execute(_ASKED, {"user_id": user_id, "whole": whole, "begun": begun}).scalar_one()
    before, most = _BEYOND, limits.SEARCH_LATEST
    while True:
        place = {"user_id": user_id, "before": before}
        first = connection.execute(_STRETCH, place | {"most": most}).scalar_one()
        if first is None:
            return
        yield from _rows(session, _IN_STRETCH, **place, first=first, asked=asked)
        if before == _BEYOND:
            wanted = {"user_id": user_id, "before": first, "asked": asked, "most": limits.SEARCH_HITS + 1}
            few = connection.execute(_FEW, wanted).all()
            if len(few) <= limits.SEARCH_HITS:
                for conversation_id, title, archived, message_id, kept in few:
                    if kept:
                        yield _Hit(conversation_id, title, archived, message_id)
                return
        before, most = first, 2 * most


def _with_snippets(session: Session, hits: list[_Hit], wanted: list[str]) -> list[Found]:
    texts = _texts(session, hits)
    return [
        Found(
            conversation_id=hit.conversation_id,
            title=hit.title,
            archived=hit.archived,
            message_id=hit.message_id,
            snippet=_around(texts.get(hit.message_id or "", ""), wanted),
        )
        for hit in hits
    ]


def _around(said: str, wanted: list[str]) -> str:
    """The text around the first place where one of the words begins, or else stands anywhere."""
    words, said = " ".join(wanted), composed(said)
    plain = folded(said)
    met = _begun_with(words).search(plain) or re.search("|".join(map(re.escape, wanted)), plain, re.IGNORECASE)
    place = max((met.start() if met else 0) - limits.SNIPPET_CHARS // 4, 0)
    shown = " ".join(_MARKS.sub("", said[place : place + limits.SNIPPET_CHARS - 1]).split())
    if place == 0:
        return shown
    # Not from the middle of a word, unless it is the one that was met.
    first, parted, rest = shown.partition(" ")
    return f"…{rest}" if parted and len(first) < limits.SNIPPET_CHARS // 4 else f"…{shown}"
