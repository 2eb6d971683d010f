"""The agent's tools. They read the person's own conversations and note proposals; none of them changes anything.

Whatever a model writes is data: an unknown tool, arguments that make no sense, an id of somebody else's and a tool that
fails all come back to it as a result that says so. Results are bounded in bytes.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from projectloom import limits
from projectloom.assistants.agent_proposals import propose_branch, propose_rename
from projectloom.assistants.agent_runs import ProposalView
from projectloom.assistants.agent_trail import Find, Use
from projectloom.conversations import chats
from projectloom.conversations.lists import read_latest
from projectloom.conversations.models import Message
from projectloom.conversations.search import search_conversations
from projectloom.db import in_thread, reading
from projectloom.errors import InvalidInput, LoomError
from projectloom.providers import Tool, ToolCall, arguments_of
from projectloom.texts import is_storable

_log = logging.getLogger(__name__)


class RunOver(Exception):
    """The run was stopped or ended, so nothing more may be asked of a model."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where tools work: whose run it is, and the one thing that costs money."""

    user_id: str
    run_id: str
    conversation_id: str
    """The run's own conversation, which a search passes over."""
    summarize: Callable[[str], Awaitable[str]]
    """A summary of the person's conversation of this id: a step of the run, within its budget."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered."""

    text: str
    failed: bool = False
    proposal: ProposalView | None = None
    words: str = ""
    """What was done, for the person; empty where it failed."""
    finds: tuple[Find, ...] = ()


def _tool(name: str, description: str, **parameters: tuple[str, str]) -> Tool:
    """A tool whose parameters are ``name=(type, description)``; a name that ends in ``_`` may be left out."""
    properties = {name.rstrip("_"): {"type": kind, "description": about} for name, (kind, about) in parameters.items()}
    required = [name for name in parameters if not name.endswith("_")]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Tool(name, description, schema)


_CONVERSATION = ("string", "The id of one of the person's conversations, as a search gives it.")

TOOLS = (
    _tool(
        "list_conversations",
        "Gives the person's latest conversations, the latest first: ids and titles.",
        limit_=("integer", f"How many to give, 1 to {limits.AGENT_LISTED_CONVERSATIONS}."),
    ),
    _tool(
        "search_conversations",
        "Finds the person's conversations with all the words in the title or in one message, titles first, each the "
        "latest first. Gives ids, titles, and the text around the words with the id of the latest message that has "
        "them.",
        query=("string", "Words, or the beginnings of words, in any order."),
        limit_=("integer", f"How many to give, 1 to {limits.AGENT_SEARCH_RESULTS}."),
    ),
    _tool(
        "read_conversation",
        "Gives a conversation's title and its latest messages with their ids. Long ones are cut.",
        conversation_id=_CONVERSATION,
    ),
    _tool(
        "summarize_conversation",
        "Has another model summarise a whole conversation. Costs money; read short conversations instead.",
        conversation_id=_CONVERSATION,
    ),
    _tool(
        "propose_rename",
        "Proposes another title for a conversation. Nothing is changed until the person confirms it.",
        conversation_id=_CONVERSATION,
        title=("string", f"The title, at most {limits.MAX_TITLE_CHARS} characters."),
    ),
    _tool(
        "propose_branch",
        "Proposes a new conversation that goes on from one message of another. Nothing is made until the person "
        "confirms it.",
        conversation_id=_CONVERSATION,
        message_id=("string", "The id of the last message that the new conversation has."),
        reason=("string", "One sentence for the person: what the branch would be for."),
    ),
)


async def use_tool(bench: Bench, call: ToolCall) -> Answer:
    """Run the tool that a model asked for. Trouble is an answer too; only :class:`RunOver` is raised."""
    tool = _BY_NAME.get(call.name)
    if tool is None:
        return Answer(f"There is no tool of this name. There are: {', '.join(_BY_NAME)}.", failed=True)
    arguments = arguments_of(call)
    if arguments is None:
        return Answer("The arguments are not a JSON object; they may have been cut off.", failed=True)
    try:
        return await tool(bench, arguments)
    except RunOver:
        raise
    except LoomError as error:
        return Answer(error.message, failed=True)
    except Exception:  # noqa: BLE001 - logged; one broken tool must not end the run
        _log.exception("tool failed", extra={"run_id": bench.run_id, "tool": call.name})
        return Answer("The tool failed.", failed=True)


def use_of(call: ToolCall, answer: Answer) -> Use:
    """What a tool did, for the person."""
    words = answer.words or f"{_REFUSED.get(call.name, 'Asked for a tool that does not exist')}. {answer.text}"
    return Use(call.name, words, answer.finds, answer.failed)


async def _list(bench: Bench, arguments: dict[str, Any]) -> Answer:
    limit = _whole(arguments, "limit", most=limits.AGENT_LISTED_CONVERSATIONS)
    return await in_thread(_list_now, bench, limit)


def _list_now(bench: Bench, limit: int) -> Answer:
    with reading() as session:
        # One more, as the run's own is among the latest.
        rows = read_latest(session, user_id=bench.user_id, limit=limit + 1)
    finds = tuple(Find(row.id, row.title) for row in rows if row.id != bench.conversation_id)[:limit]
    listed = [{"conversation_id": one.conversation_id, "title": one.title} for one in finds]
    return _answer({"conversations": listed}, f"Looked through your latest conversations · {len(finds)}", finds)


async def _search(bench: Bench, arguments: dict[str, Any]) -> Answer:
    words = _text(arguments, "query", limits.MAX_SEARCH_CHARS)
    limit = _whole(arguments, "limit", most=limits.AGENT_SEARCH_RESULTS)
    return await in_thread(_search_now, bench, words, limit)


def _search_now(bench: Bench, words: str, limit: int) -> Answer:
    with reading() as session:
        found = search_conversations(
            session, user_id=bench.user_id, words=words, limit=limit, besides=bench.conversation_id
        )
    hits = [
        {"conversation_id": hit.conversation_id, "title": hit.title}
        | ({"message_id": hit.message_id, "text": hit.snippet} if hit.message_id else {})
        for hit in found
    ]
    finds = tuple(Find(hit.conversation_id, hit.title) for hit in found)
    return _answer({"found": hits}, f"Searched for “{words.strip()}” · {len(finds)} found", finds)


async def _read(bench: Bench, arguments: dict[str, Any]) -> Answer:
    return await in_thread(_read_now, bench, _text(arguments, "conversation_id", limits.MAX_ID_CHARS))


def _read_now(bench: Bench, conversation_id: str) -> Answer:
    with reading() as session:
        row = chats.find_conversation(session, user_id=bench.user_id, conversation_id=conversation_id)
        messages = [one for one in chats.read_messages(session, conversation_id=conversation_id) if one.text]
    shown = _latest(messages)
    left_out = len(messages) - len(shown)
    told = {"title": row.title, "earlier_messages_left_out": left_out, "messages": shown}
    return _answer(told, f"Read “{row.title}”", (Find(row.id, row.title),))


def _latest(messages: Sequence[Message]) -> list[dict[str, str]]:
    """The latest messages that fit into a result, the oldest of them first."""
    shown: list[dict[str, str]] = []
    # Half of it is the room for the title and the signs around each message.
    room = limits.AGENT_RESULT_BYTES // 2
    for message in reversed(messages):
        cut = len(message.text) > limits.AGENT_MESSAGE_CHARS
        text = message.text[: limits.AGENT_MESSAGE_CHARS] + (" … (cut)" if cut else "")
        room -= len(json.dumps(text, ensure_ascii=False).encode()) + len(message.id)
        if room < 0 and shown:
            break
        shown.append({"id": message.id, "role": message.role, "text": text})
    return shown[::-1]


async def _summarize(bench: Bench, arguments: dict[str, Any]) -> Answer:
    conversation_id = _text(arguments, "conversation_id", limits.MAX_ID_CHARS)
    summary = await bench.summarize(conversation_id)
    title = await in_thread(_title, bench, conversation_id)
    return _answer({"summary": summary}, f"Summarised “{title}”", (Find(conversation_id, title),))


def _title(bench: Bench, conversation_id: str) -> str:
    with reading() as session:
        return chats.find_conversation(session, user_id=bench.user_id, conversation_id=conversation_id).title


async def _propose_rename(bench: Bench, arguments: dict[str, Any]) -> Answer:
    proposal = await in_thread(
        propose_rename,
        bench.user_id,
        bench.run_id,
        conversation_id=_text(arguments, "conversation_id", limits.MAX_ID_CHARS),
        title=_text(arguments, "title", limits.MAX_SEARCH_CHARS),
    )
    return _proposed(proposal, f"Suggested a title for “{proposal.payload['titleBefore']}”")


async def _propose_branch(bench: Bench, arguments: dict[str, Any]) -> Answer:
    proposal = await in_thread(
        propose_branch,
        bench.user_id,
        bench.run_id,
        conversation_id=_text(arguments, "conversation_id", limits.MAX_ID_CHARS),
        message_id=_text(arguments, "message_id", limits.MAX_ID_CHARS),
        reason=_text(arguments, "reason", limits.MAX_AGENT_REASON_CHARS),
    )
    return _proposed(proposal, f"Suggested a branch of “{proposal.payload['title']}”")


def _proposed(proposal: ProposalView, words: str) -> Answer:
    told = {"proposal_id": proposal.id, "state": proposal.state, "note": "Nothing has changed. The person decides."}
    return Answer(json.dumps(told), proposal=proposal, words=words)


def _answer(value: dict[str, Any], words: str, finds: tuple[Find, ...]) -> Answer:
    text = json.dumps(value, ensure_ascii=False)
    if len(text.encode()) <= limits.AGENT_RESULT_BYTES:
        return Answer(text, words=words, finds=finds)
    # Words beside the text, not in it: a text can say anything of itself.
    kept = text.encode()[: limits.AGENT_RESULT_BYTES].decode("utf-8", "ignore")
    cut = f"(The first {limits.AGENT_RESULT_BYTES} bytes of a longer result.)\n{kept}"
    return Answer(cut, words=words, finds=finds)


def _text(arguments: dict[str, Any], name: str, most: int) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip() or not is_storable(value):
        raise InvalidInput(f"{name} must be a text.")
    if len(value) > most:
        raise InvalidInput(f"{name} must have at most {most} characters.")
    return value


def _whole(arguments: dict[str, Any], name: str, *, most: int) -> int:
    value = arguments.get(name, most)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput(f"{name} must be a whole number of at least 1.")
    return min(value, most)


_REFUSED = {
    "list_conversations": "Could not look through your conversations",
    "search_conversations": "Could not search",
    "read_conversation": "Could not read a conversation",
    "summarize_conversation": "Could not summarise a conversation",
    "propose_rename": "Could not suggest a title",
    "propose_branch": "Could not suggest a branch",
}

_BY_NAME: dict[str, Callable[[Bench, dict[str, Any]], Awaitable[Answer]]] = {
    "list_conversations": _list,
    "search_conversations": _search,
    "read_conversation": _read,
    "summarize_conversation": _summarize,
    "propose_rename": _propose_rename,
    "propose_branch": _propose_branch,
}
