"""Running the agent to its end, and what a test looks at afterwards."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col, select

from projectloom.assistants.agent import RunEnded, StartedRun, follow_run, start_agent
from projectloom.assistants.agent_runs import AgentRequest, RunView
from projectloom.assistants.agent_work import Asked, Said, StepEnded, Told, WorkEvent
from projectloom.conversations.chats import add_message, create_conversation
from projectloom.conversations.models import Conversation, Message
from projectloom.db import reading, transaction
from tests.metering.conftest import MODEL, World
from tests.providers.dialects import CALLS, WHOLE
from tests.providers.scripted_server import Step, stream

MODELS = {"anthropic": "claude-haiku-4-5", "openai": MODEL}


def asks(provider: str, *calls: tuple[str, Any], **more: Any) -> list[Step]:
    """A reply that asks for tools; arguments that are no text are written as JSON."""
    return stream(
        *CALLS[provider](
            *((name, given if isinstance(given, str) else json.dumps(given)) for name, given in calls), **more
        )
    )


def answers(provider: str) -> list[Step]:
    """The reply ``Hello!``, which asks for nothing."""
    return stream(*WHOLE[provider])


@dataclass
class Seen:
    """All that a watcher of one run saw."""

    run: RunView
    events: list[WorkEvent] = field(default_factory=list[WorkEvent])

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Said))

    @property
    def asked(self) -> list[str]:
        return [event.call.name for event in self.events if isinstance(event, Asked)]

    @property
    def told(self) -> list[str]:
        return [event.answer.text for event in self.events if isinstance(event, Told)]

    @property
    def failed(self) -> list[bool]:
        return [event.answer.failed for event in self.events if isinstance(event, Told)]

    @property
    def charges(self) -> list[int]:
        return [event.receipt.charged_nanos for event in self.events if isinstance(event, StepEnded)]


async def begin(w: World, task: str = "Tidy up.", **changes: Any) -> StartedRun:
    return await start_agent(AgentRequest(**({"user_id": w.person, "task": task, "model": MODEL} | changes)))


async def watch(w: World, run: StartedRun) -> Seen:
    events: list[WorkEvent] = []
    async with asyncio.timeout(30):
        async for event in follow_run(w.person, run):
            if isinstance(event, RunEnded):
                return Seen(event.run, events)
            events.append(event)
    raise AssertionError("the run never ended")


async def work(w: World, task: str = "Tidy up.", **changes: Any) -> Seen:
    return await watch(w, await begin(w, task, **changes))


def talk(person: str, *texts: str, title: str = "") -> tuple[str, list[str]]:
    """A conversation of somebody's with these messages, theirs and the model's in turn; its id and theirs."""
    with transaction() as session:
        conversation = create_conversation(session, user_id=person, first_text=title or texts[0])
        ids: list[str] = []
        for number, text in enumerate(texts):
            role = "assistant" if number % 2 else "user"
            parent = ids[-1] if number % 2 else None
            ids.append(add_message(session, conversation=conversation, role=role, text=text, parent_id=parent).id)
    return conversation.id, ids


def titles(person: str) -> list[str]:
    with reading() as session:
        query = select(Conversation.title).where(Conversation.user_id == person).order_by(col(Conversation.id))
        return list(session.exec(query).all())


def messages(conversation_id: str) -> list[tuple[str, str]]:
    with reading() as session:
        query = select(Message).where(Message.conversation_id == conversation_id).order_by(col(Message.id))
        return [(row.role, row.text) for row in session.exec(query).all()]
