"""A run of the agent in the database: opened, its steps noted, ended once, and recovered after a crash."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, update
from sqlmodel import Session, col, delete, select

from projectloom import limits
from projectloom.assistants.agent_models import AgentProposal, AgentRun, AgentStep, Reason, RunState
from projectloom.assistants.agent_trail import Use, uses_of
from projectloom.clock import now
from projectloom.conversations.chats import add_message, create_conversation, find_conversation
from projectloom.conversations.models import Role
from projectloom.db import database_now, reading, transaction
from projectloom.errors import IdempotencyConflict, InvalidInput, NotFound, TooManyRequests
from projectloom.ids import new_id
from projectloom.ledger.accounts import lock_accounts
from projectloom.ledger.journal import input_hash
from projectloom.metering.models import Funding, Turn
from projectloom.metering.opening import check_open
from projectloom.metering.payers import payer_of
from projectloom.metering.receipts import Receipt, read_receipt
from projectloom.metering.requests import TurnRequest
from projectloom.money import ZERO, Nanos, from_cents
from projectloom.texts import is_storable

DEFAULT_BUDGET = from_cents(limits.AGENT_BUDGET_CENTS)


class Standing(StrEnum):
    """What a run's process finds out about it."""

    RUNNING = "running"
    STOPPING = "stopping"
    REPAID = "repaid"
    """Another than it began with would pay for its next step."""
    ENDED = "ended"
    """Somebody else ended it, believing this process dead."""


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """A task for the agent. The task and the keys show in no repr."""

    user_id: str
    task: str = field(repr=False)
    model: str | None = None
    budget_nanos: Nanos = DEFAULT_BUDGET
    """The most that all steps may cost together, whoever pays."""
    own_keys: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    client_request_id: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """A committed run."""

    run: AgentRun
    funding: Funding | None
    """Who pays for all of its steps; None where the same request opened it before."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One model call of a run, and what it cost."""

    number: int
    kind: str
    receipt: Receipt
    text: str = ""
    """What the model said in it."""
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposalView:
    """What an agent proposes, and what became of it."""

    id: str
    kind: str
    payload: dict[str, Any]
    state: str
    result_id: str | None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as its owner sees it."""

    id: str
    conversation_id: str
    task: str
    model: str
    state: str
    reason: str | None
    budget_nanos: Nanos
    spent_nanos: Nanos
    """What its steps cost: from credit, or by the provider's rates where the person's own key paid."""
    answer: str
    created_at: datetime
    ended_at: datetime | None
    steps: tuple[StepView, ...]
    proposals: tuple[ProposalView, ...]


def open_run(request: AgentRequest, first: TurnRequest) -> OpenedRun:
    """Record a run whose first step is ``first``: the same request id is the same run.

    Raises:
        InvalidInput: there is no task. IdempotencyConflict: the request's id came before with other input.
        TooManyRequests: too many of the person's runs are under way.
        What :func:`projectloom.metering.opening.open_turn` would raise for the first step; then nothing was written.
    """
    if not request.task.strip() or not is_storable(request.task):
        raise InvalidInput("The task is empty.")
    hashed = input_hash(
        {"task": request.task, "model": request.model, "budget": request.budget_nanos, "what": "agent run"}
    )
    with transaction() as session:
        lock_accounts(session, user_id=request.user_id)
        known = _same_request(session, request)
        if known is not None:
            if known.input_hash != hashed:
                raise IdempotencyConflict
            return OpenedRun(known, None)
        _check_running(session, request.user_id)
        model, funding = check_open(session, first), payer_of(session, first)
        conversation = create_conversation(session, user_id=request.user_id, first_text=request.task)
        add_message(session, conversation=conversation, role=Role.USER, text=request.task)
        run = AgentRun(
            id=new_id("run"),
            user_id=request.user_id,
            conversation_id=conversation.id,
            client_request_id=request.client_request_id,
            input_hash=hashed,
            model=model,
            task=request.task,
            budget_nanos=request.budget_nanos,
            lease_until=_lease(session),
        )
        session.add(run)
    return OpenedRun(run, funding)


def begin_step(run_id: str, number: int, step: TurnRequest, *, turn_id: str, funding: Funding) -> Standing:
    """Note a step before its turn opens. Only a run that goes on, and is paid for as it began, gets one."""
    with transaction() as session:
        run = session.get_one(AgentRun, run_id, with_for_update=True)
        if run.state != RunState.RUNNING:
            return Standing.ENDED
        if run.stop_requested:
            return Standing.STOPPING
        if payer_of(session, step) != funding:
            return Standing.REPAID
        session.add(AgentStep(run_id=run_id, number=number, turn_id=turn_id, kind=step.source))
    return Standing.RUNNING


def drop_step(run_id: str, number: int) -> None:
    """Forget a step whose turn was refused."""
    with transaction() as session:
        query = delete(AgentStep).where(col(AgentStep.run_id) == run_id, col(AgentStep.number) == number)
        session.connection().execute(query)


def give_sign(run_id: str) -> Standing:
    """Vouch for a run for the time of another lease; how it stands."""
    with transaction() as session:
        query = update(AgentRun).where(col(AgentRun.id) == run_id, col(AgentRun.state) == RunState.RUNNING)
        stopping = (
            session.connection()
            .execute(query.values(lease_until=_lease(session)).returning(col(AgentRun.stop_requested)))
            .scalar_one_or_none()
        )
    if stopping is None:
        return Standing.ENDED
    return Standing.STOPPING if stopping else Standing.RUNNING


def end_run(run_id: str, state: RunState, reason: Reason, *, answer: str, turn_id: str | None) -> bool:
    """End a run for good and keep its answer, the reply of ``turn_id``; False when it had ended before."""
    with transaction() as session:
        ended = {"state": state, "reason": reason, "answer": answer, "ended_at": now()}
        query = update(AgentRun).where(col(AgentRun.id) == run_id, col(AgentRun.state) == RunState.RUNNING)
        if session.connection().execute(query.values(**ended)).rowcount != 1:
            return False
        run = session.get_one(AgentRun, run_id, populate_existing=True)
        if answer:
            conversation = find_conversation(
                session, user_id=run.user_id, conversation_id=run.conversation_id, deleted=True
            )
            add_message(session, conversation=conversation, role=Role.ASSISTANT, text=answer, turn_id=turn_id)
    return True


def recover_runs(living: Collection[str] = ()) -> int:
    """End every run whose process is gone; how many. Their turns are settled by the meter's own recovery.

    ``living`` are runs that this process itself is at work on.
    """
    with transaction() as session:
        query = update(AgentRun).where(
            col(AgentRun.state) == RunState.RUNNING,
            col(AgentRun.lease_until) < database_now(session),
            col(AgentRun.id).not_in(list(living)),
        )
        ended = {"state": RunState.FAILED, "reason": Reason.INTERRUPTED, "ended_at": now()}
        return session.connection().execute(query.values(**ended)).rowcount


def abandon_runs() -> None:
    """Let every run's lease run out now. Only for a process that knows that no other is alive."""
    with transaction() as session:
        query = update(AgentRun).where(col(AgentRun.state) == RunState.RUNNING)
        session.connection().execute(query.values(lease_until=database_now(session)))


def request_stop(user_id: str, run_id: str) -> None:
    """Ask the process that runs it to stop a run. One that has ended stays as it is. Raises NotFound."""
    with transaction() as session:
        run = find_run(session, user_id=user_id, run_id=run_id)
        if run.state == RunState.RUNNING:
            run.stop_requested = True
            session.add(run)


def find_run(session: Session, *, user_id: str, run_id: str) -> AgentRun:
    """A person's run. Raises NotFound when there is none or it is somebody else's."""
    run = session.get(AgentRun, run_id) if is_storable(run_id) else None
    if run is None or run.user_id != user_id:
        raise NotFound("There is no such run.")
    return run


def is_running(user_id: str, run_id: str) -> bool:
    """Whether a person's run goes on. Raises NotFound."""
    with reading() as session:
        return find_run(session, user_id=user_id, run_id=run_id).state == RunState.RUNNING


def read_run(user_id: str, run_id: str) -> RunView:
    """A person's run with its steps, what they cost, and what it proposes. Raises NotFound."""
    with reading() as session:
        run = find_run(session, user_id=user_id, run_id=run_id)
        noted = session.exec(select(AgentStep).where(AgentStep.run_id == run_id).order_by(col(AgentStep.number))).all()
        proposals = session.exec(
            select(AgentProposal).where(AgentProposal.run_id == run_id).order_by(col(AgentProposal.id))
        ).all()
        said = {one.turn_id: _said(session, one.turn_id) for one in noted}
    steps = tuple(step for one in noted if (step := _step(user_id, one, said[one.turn_id])) is not None)
    return RunView(
        id=run.id,
        conversation_id=run.conversation_id,
        task=run.task,
        model=run.model,
        state=run.state,
        reason=run.reason,
        budget_nanos=Nanos(run.budget_nanos),
        spent_nanos=Nanos(sum((cost_of(step.receipt) for step in steps), ZERO)),
        answer=run.answer,
        created_at=run.created_at,
        ended_at=run.ended_at,
        steps=steps,
        proposals=tuple(view_of(one) for one in proposals),
    )


def cost_of(receipt: Receipt) -> Nanos:
    """What a step takes from its run's budget."""
    return receipt.provider_cost_nanos if receipt.funding == Funding.OWN_KEY else receipt.charged_nanos


def view_of(row: AgentProposal) -> ProposalView:
    """A proposal as its owner sees it."""
    return ProposalView(row.id, row.kind, json.loads(row.payload_json), row.state, row.result_id)


def _said(session: Session, turn_id: str) -> str:
    turn = session.get(Turn, turn_id)
    return "" if turn is None else turn.text


def _step(user_id: str, row: AgentStep, text: str) -> StepView | None:
    try:
        return StepView(row.number, row.kind, read_receipt(user_id, row.turn_id), text, uses_of(row))
    except NotFound:
        return None


def _same_request(session: Session, request: AgentRequest) -> AgentRun | None:
    if request.client_request_id is None:
        return None
    same = select(AgentRun).where(
        AgentRun.user_id == request.user_id, AgentRun.client_request_id == request.client_request_id
    )
    return session.exec(same).one_or_none()


def _check_running(session: Session, user_id: str) -> None:
    running = (
        select(func.count())
        .select_from(AgentRun)
        .where(AgentRun.user_id == user_id, AgentRun.state == RunState.RUNNING)
    )
    if session.exec(running).one() >= limits.MAX_RUNNING_AGENTS_PER_PERSON:
        raise TooManyRequests("Too many agents are at work at once. Please wait for one to end.", retry_after=5)


def _lease(session: Session) -> datetime:
    return database_now(session) + timedelta(seconds=limits.AGENT_LEASE_SECONDS)
