"""What an agent did with its tools, in words for its person, kept beside the steps so that a run can be read again."""

import json
from dataclasses import asdict, dataclass

from projectloom.assistants.agent_models import AgentStep
from projectloom.db import transaction
from projectloom.providers import ToolCall

_DOING = {
    "list_conversations": "Looking through your latest conversations",
    "search_conversations": "Searching your conversations",
    "read_conversation": "Reading a conversation",
    "summarize_conversation": "Summarising a conversation",
    "propose_rename": "Suggesting a title",
    "propose_branch": "Suggesting a branch",
}


@dataclass(frozen=True, slots=True)
class Find:
    """A conversation of the person's that a tool came upon."""

    conversation_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a tool: what it did, in words, and the conversations that it came upon."""

    tool: str
    words: str
    finds: tuple[Find, ...] = ()
    failed: bool = False


def doing(call: ToolCall) -> str:
    """What a tool is about to do. The model named it, so it may be none of ours."""
    return _DOING.get(call.name, "Asking for a tool that does not exist")


def note_use(run_id: str, number: int, use: Use) -> None:
    """Keep what a step of a run did."""
    with transaction() as session:
        row = session.get_one(AgentStep, (run_id, number), with_for_update=True)
        row.uses_json = json.dumps([*json.loads(row.uses_json or "[]"), asdict(use)])
        session.add(row)


def uses_of(row: AgentStep) -> tuple[Use, ...]:
    """What a step did, in its order."""
    kept = json.loads(row.uses_json or "[]")
    return tuple(
        Use(one["tool"], one["words"], tuple(Find(**find) for find in one["finds"]), one["failed"]) for one in kept
    )
