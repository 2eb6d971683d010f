"""A person's conversations, as they see them. Anything that is not theirs is not found."""

from dataclasses import dataclass
from datetime import datetime

from projectloom import limits
from projectloom.attached import Attached
from projectloom.conversations import attachments, chats, lists
from projectloom.conversations.lists import Place, Shelf
from projectloom.conversations.models import Conversation, Message, TitleBy
from projectloom.conversations.search import Found, search_conversations
from projectloom.conversations.tree import Tree
from projectloom.db import reading, transaction
from projectloom.errors import InvalidInput, NotFound
from projectloom.texts import is_storable


@dataclass(frozen=True, slots=True)
class ConversationView:
    """One conversation in a list."""

    id: str
    title: str
    updated_at: datetime
    deleted_at: datetime | None
    pinned: bool
    archived: bool
    nameless: bool
    """A model is still to name it."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list. The pinned come with the first page of the main list alone."""

    pinned: list[ConversationView]
    rows: list[ConversationView]
    more: str
    """What to ask for the next page with; empty on the last."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message. A reply that is being written has a turn and no text yet."""

    id: str
    role: str
    text: str
    turn_id: str | None
    created_at: datetime
    number: int = 1
    """Which version it is of those that stand in its place in other branches."""
    versions: int = 1
    attached: tuple[Attached, ...] = ()
    """Its files, without their content."""


@dataclass(frozen=True, slots=True)
class ThreadView:
    """The end of one path through a conversation."""

    ids: tuple[str, ...]
    """Of every message on the path, the oldest first."""
    first: int
    """Where on the path ``messages`` begins."""
    messages: list[MessageView]
    forked: bool = False
    """There are other branches."""
    instructions: str = ""
    """What the conversation tells every model first."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages that follow each other without a fork, as the map shows them."""

    role: str
    words: str
    """How its first message begins."""
    count: int
    last_id: str
    depth: int
    """How many forks lead to it."""
    parent: int | None
    """The stretch that it follows, by its place in the list."""
    shown: bool
    turn_ids: tuple[str, ...] = ()
    """Of its replies, the oldest first."""


def read_page(
    user_id: str, shelf: Shelf = Shelf.MAIN, after: str = "", *, size: int = limits.CONVERSATIONS_PAGE
) -> ListPage:
    """A page of one of a person's lists; ``after`` is what the page before it gave. Raises InvalidInput.

    It has as many lines as a page has, or as ``size`` asks for within its bounds.
    """
    place = _place_in(after) if after else None
    size = min(max(size, limits.CONVERSATIONS_PAGE), limits.CONVERSATIONS_AT_ONCE)
    with reading() as session:
        first = shelf is Shelf.MAIN and place is None
        pinned = lists.read_pinned(session, user_id=user_id) if first else []
        rows = lists.read_shelf(session, user_id=user_id, shelf=shelf, after=place, limit=size + 1)
    more = _place_of(rows[size - 1], shelf) if len(rows) > size else ""
    return ListPage([_view(row) for row in pinned], [_view(row) for row in rows[:size]], more)


def _view(row: Conversation) -> ConversationView:
    return ConversationView(
        id=row.id,
        title=row.title,
        updated_at=row.updated_at,
        deleted_at=row.deleted_at,
        pinned=row.pinned_at is not None,
        archived=row.archived_at is not None,
        nameless=row.title_by == TitleBy.FIRST_LINE,
    )


def _place_of(row: Conversation, shelf: Shelf) -> str:
    moment = row.deleted_at if shelf is Shelf.TRASH and row.deleted_at else row.updated_at
    return f"{moment.isoformat()}~{row.id}"


def _place_in(after: str) -> Place:
    moment, _, conversation_id = after.partition("~")
    try:
        place = Place(datetime.fromisoformat(moment), conversation_id)
    except ValueError:
        place = None
    if place is None or place.moment.tzinfo is None or not is_storable(conversation_id):
        raise InvalidInput("There is no such place in the list.")
    return place


def read_conversation(user_id: str, conversation_id: str) -> ConversationView:
    """One of a person's conversations, one in the trash as well. Raises NotFound."""
    with reading() as session:
        return _view(chats.find_conversation(session, user_id=user_id, conversation_id=conversation_id, deleted=True))


def search(user_id: str, words: str) -> list[Found]:
    """What has the words in a title or a message, as :func:`search_conversations`. Raises InvalidInput."""
    if len(words) > limits.MAX_SEARCH_CHARS:
        raise InvalidInput(f"Search for at most {limits.MAX_SEARCH_CHARS} characters.")
    with reading() as session:
        return search_conversations(session, user_id=user_id, words=words, limit=limits.SEARCH_RESULTS)


def read_messages(user_id: str, conversation_id: str) -> list[MessageView]:
    """A conversation's messages, the oldest first. Raises NotFound."""
    with reading() as session:
        chats.find_conversation(session, user_id=user_id, conversation_id=conversation_id)
        rows = chats.read_messages(session, conversation_id=conversation_id)
        return [MessageView(row.id, row.role, row.text, row.turn_id, row.created_at) for row in rows]


def read_thread(
    user_id: str,
    conversation_id: str,
    *,
    through: str | None = None,
    since: int | None = None,
    found: str | None = None,
) -> ThreadView:
    """The path that is shown, or the one through a message, from a place on; without one so many as a page shows.

    A message that was ``found`` is shown whichever branch it is on. Raises NotFound.
    """
    with reading() as session:
        conversation = chats.find_conversation(session, user_id=user_id, conversation_id=conversation_id)
        tree = chats.read_tree(session, conversation_id=conversation_id)
        wanted = found if found is not None and found in tree else None
        path = tree.path(wanted or through or conversation.tip_id)
        first = max(len(path) - limits.MESSAGES_SHOWN, 0) if since is None else since
        if wanted is not None:
            first = min(first, path.index(wanted))
        rows = chats.read_chosen(session, conversation_id=conversation_id, ids=path[first:])
        files = attachments.files_of(session, message_ids=path[first:], pictures=False, texts=False)
        messages = [_message(tree, row, files.get(row.id, ())) for row in rows]
        return ThreadView(tuple(path), first, messages, len(path) < len(tree.nodes), conversation.instructions)


def _message(tree: Tree, row: Message, files: tuple[Attached, ...]) -> MessageView:
    versions = tree.versions(row.id)
    number = versions.index(row.id) + 1
    return MessageView(row.id, row.role, row.text, row.turn_id, row.created_at, number, len(versions), files)


def switch_version(user_id: str, conversation_id: str, message_id: str, step: int) -> str:
    """Show the branch with the version of a message so many further; its message. Raises NotFound."""
    with transaction() as session:
        chats.find_conversation(session, user_id=user_id, conversation_id=conversation_id)
        tree = chats.read_tree(session, conversation_id=conversation_id)
        versions = tree.versions(message_id) if message_id in tree else []
        place = versions.index(message_id) + step if versions else -1
        if not 0 <= place < len(versions):
            raise NotFound("There is no such version.")
        chats.show_branch(
            session, user_id=user_id, conversation_id=conversation_id, message_id=tree.path(versions[place])[-1]
        )
        return versions[place]


def show_branch(user_id: str, conversation_id: str, message_id: str) -> None:
    """Show the branch with a message. Raises NotFound."""
    with transaction() as session:
        chats.show_branch(session, user_id=user_id, conversation_id=conversation_id, message_id=message_id)


def branch_out(user_id: str, conversation_id: str, message_id: str) -> str:
    """A new conversation with copies of the messages up to one; its id. Raises NotFound."""
    with transaction() as session:
        return chats.copy_branch(session, user_id=user_id, conversation_id=conversation_id, message_id=message_id).id


def read_map(user_id: str, conversation_id: str) -> list[Stretch]:
    """All branches of a conversation, each stretch before those that follow it, the oldest first. Raises NotFound."""
    with reading() as session:
        row = chats.find_conversation(session, user_id=user_id, conversation_id=conversation_id)
        tree = chats.read_tree(session, conversation_id=conversation_id)
        shown = set(tree.path(row.tip_id))
        found: list[tuple[list[str], int, int | None]] = []
        waiting: list[tuple[str, int, int | None]] = [(start, 0, None) for start in reversed(tree.children(None))]
        while waiting:
            start, depth, parent = waiting.pop()
            run = [start]
            while len(following := tree.children(run[-1])) == 1:
                run += following
            found.append((run, depth, parent))
            here = len(found) - 1
            waiting += [(one, depth + 1, here) for one in reversed(following)]
        words = chats.read_beginnings(session, conversation_id=conversation_id, ids=[run[0] for run, _, _ in found])
        turns = chats.read_turns(session, conversation_id=conversation_id)
        return [
            Stretch(
                role=tree.nodes[run[0]].role,
                words=words.get(run[0], ""),
                count=len(run),
                last_id=run[-1],
                depth=depth,
                parent=parent,
                shown=run[0] in shown,
                turn_ids=tuple(turns[one] for one in run if one in turns),
            )
            for run, depth, parent in found
        ]


def rename_conversation(user_id: str, conversation_id: str, title: str) -> None:
    """Give a conversation another title. Raises NotFound, InvalidInput."""
    with transaction() as session:
        chats.rename(session, user_id=user_id, conversation_id=conversation_id, title=title)


def delete_conversation(user_id: str, conversation_id: str) -> None:
    """Put a conversation in the trash. Raises NotFound."""
    with transaction() as session:
        chats.set_deleted(session, user_id=user_id, conversation_id=conversation_id, deleted=True)


def restore_conversation(user_id: str, conversation_id: str) -> None:
    """Take a conversation out of the trash. Raises NotFound."""
    with transaction() as session:
        chats.set_deleted(session, user_id=user_id, conversation_id=conversation_id, deleted=False)


def has_conversations(user_id: str) -> bool:
    """Whether a person has ever begun a conversation that is still kept, the trash included."""
    with reading() as session:
        return lists.has_any(session, user_id=user_id)


def instruct(user_id: str, conversation_id: str, instructions: str) -> None:
    """Let a conversation tell every model something first. Raises NotFound, InvalidInput when it is too long."""
    with transaction() as session:
        chats.instruct(session, user_id=user_id, conversation_id=conversation_id, instructions=instructions)


def pin_conversation(user_id: str, conversation_id: str, *, pinned: bool) -> None:
    """Pin a conversation to the top of the list, or let it go. Raises NotFound, InvalidInput when too many are."""
    with transaction() as session:
        lists.set_pinned(session, user_id=user_id, conversation_id=conversation_id, pinned=pinned)


def archive_conversation(user_id: str, conversation_id: str, *, archived: bool) -> None:
    """Put a conversation aside, or back among the others. Raises NotFound."""
    with transaction() as session:
        lists.set_archived(session, user_id=user_id, conversation_id=conversation_id, archived=archived)
