"""The tables of the agent: runs, their steps, and what they propose."""

# SQLModel declares a table's name as something else than the string it takes.
# pyright: reportAssignmentType=false

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from projectloom.clock import now
from projectloom.db import NanosColumn, UtcDateTime


class RunState(StrEnum):
    """The life of a run."""

    RUNNING = "running"
    DONE = "done"
    """The model answered and asked for nothing more."""
    STOPPED = "stopped"
    """Somebody or a limit ended it; what there is, is kept."""
    FAILED = "failed"
    """It could not go on."""


class Reason(StrEnum):
    """Why a run ended."""

    ANSWERED = "answered"
    PERSON = "person"
    STEP_LIMIT = "step_limit"
    BUDGET = "budget"
    CREDITS = "credits"
    CAP = "cap"
    PAYER = "payer"
    """The person changed who pays; what began with one payer is never gone on with by the other."""
    KEY = "key"
    """The person's own API key, by which it began, is gone."""
    TOO_LONG = "too_long"
    PROVIDER = "provider"
    NO_ANSWER = "no_answer"
    TROUBLE = "trouble"
    INTERRUPTED = "interrupted"


class ProposalKind(StrEnum):
    """What an agent may propose."""

    RENAME = "rename"
    BRANCH = "branch"


class ProposalState(StrEnum):
    """The life of a proposal. It leaves ``PROPOSED`` once, by the person's decision; what is done can be undone."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    """Done, in the transaction that wrote this."""
    DECLINED = "declined"
    STALE = "stale"
    """Confirmed when it no longer fitted: nothing was done."""
    TAKEN_BACK = "taken_back"
    """Confirmed and done, and undone by the person."""


class AgentRun(SQLModel, table=True):
    """One task for the agent. What it cost is in the usage records of its steps' turns and nowhere else."""

    __tablename__ = "agent_runs"
    __table_args__ = (
        UniqueConstraint("user_id", "client_request_id"),
        CheckConstraint("budget_nanos > 0", name="positive"),
        Index("ix_agent_runs_state_lease_until", "state", "lease_until"),
    )

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="users.id")
    conversation_id: str = Field(foreign_key="conversations.id")
    """Its own conversation: the task, and at last the answer."""
    client_request_id: str | None = None
    """The client's own id of the request: the same one is the same run."""
    input_hash: str
    model: str
    task: str = Field(sa_type=Text)
    state: str = Field(default=RunState.RUNNING, sa_type=String)
    reason: str | None = Field(default=None, sa_type=String)
    """Why it ended, as :class:`Reason`."""
    budget_nanos: int = Field(sa_type=NanosColumn)
    """The most that all its steps may cost together."""
    answer: str = Field(default="", sa_type=Text)
    stop_requested: bool = False
    """Somebody pressed Stop; the process that runs it sees it at its next sign of life."""
    lease_until: datetime = Field(sa_type=UtcDateTime)
    """Until when, by the database's clock, its process vouches for it."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AgentStep(SQLModel, table=True):
    """One model call of a run. Written before its turn opens, so that no turn of a run is without its step."""

    __tablename__ = "agent_steps"

    run_id: str = Field(primary_key=True, foreign_key="agent_runs.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    turn_id: str = Field(unique=True)
    """A crash in between leaves a step whose turn never was."""
    kind: str = Field(sa_type=String)
    """The turn's source: ``agent`` or ``summarize``."""
    uses_json: str | None = Field(default=None, sa_type=Text)
    """What it did with tools, as :class:`projectloom.assistants.agent_trail.Use`."""


class AgentProposal(SQLModel, table=True):
    """Something that an agent proposes to do. Only the person's confirmation does it, once."""

    __tablename__ = "agent_proposals"

    id: str = Field(primary_key=True)
    run_id: str = Field(foreign_key="agent_runs.id", index=True)
    kind: str = Field(sa_type=String)
    payload_json: str = Field(sa_type=Text)
    state: str = Field(default=ProposalState.PROPOSED, sa_type=String)
    result_id: str | None = None
    """The conversation that a confirmed branch became."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
