"""``POST /api/agent``: a task for the agent as a UI message stream, and the runs and proposals behind it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse

from projectloom import limits
from projectloom.api.amounts import dollars
from projectloom.api.bodies import id_of, optional_text, read_object, text_of
from projectloom.api.chat import own_keys_of
from projectloom.api.gate import person_for
from projectloom.api.identity import person_of
from projectloom.api.ui_stream import kept_alive, part, ui_response
from projectloom.api.usage import receipt_values
from projectloom.assistants.agent import (
    RunEnded,
    RunEvent,
    StartedRun,
    find_started,
    follow_run,
    start_agent,
    stop_agent,
)
from projectloom.assistants.agent_endings import words_of_end
from projectloom.assistants.agent_models import RunState
from projectloom.assistants.agent_proposals import decide
from projectloom.assistants.agent_runs import (
    DEFAULT_BUDGET,
    AgentRequest,
    ProposalView,
    RunView,
    StepView,
    cost_of,
    read_run,
)
from projectloom.assistants.agent_trail import Use, doing
from projectloom.assistants.agent_work import Asked, Said, StepBegan, StepEnded, Told
from projectloom.db import in_thread
from projectloom.errors import InvalidInput, LoomError
from projectloom.money import Nanos, format_usd, from_cents
from projectloom.providers import arguments_of
from projectloom.rates import Act

router = APIRouter(prefix="/api/agent")


@router.post("")
async def post_agent(request: Request) -> StreamingResponse:
    """``{"task", "model"?, "budgetUsd"?, "clientRequestId"?}`` → every step as it happens, then the answer's cost.

    Refusals come before the stream, as JSON with their status. The run goes on when its reader leaves.
    """
    person = await person_for(request, Act.AGENT)
    values = await read_object(request, limit=limits.MAX_BODY_BYTES)
    run = await start_agent(
        AgentRequest(
            user_id=person.user_id,
            task=text_of(values, "task", limit=limits.MAX_AGENT_TASK_CHARS),
            model=optional_text(values, "model", limit=limits.MAX_ID_CHARS),
            budget_nanos=_budget(values.get("budgetUsd")),
            own_keys=own_keys_of(request),
            client_request_id=optional_text(values, "clientRequestId", limit=limits.MAX_ID_CHARS),
        )
    )
    return ui_response(_parts(person.user_id, run))


@router.get("/{run_id}")
async def get_agent(request: Request, run_id: str) -> JSONResponse:
    """A run with its steps and their receipts, what it proposes, and what it cost in all."""
    person = await person_of(request)
    return JSONResponse(_run_values(await in_thread(read_run, person.user_id, id_of(run_id))))


@router.get("/{run_id}/stream")
async def get_agent_stream(request: Request, run_id: str) -> StreamingResponse:
    """Watch a run from its beginning; of one that has ended, or that another process is at work on, only its end."""
    person = await person_of(request)
    return ui_response(_parts(person.user_id, await in_thread(find_started, person.user_id, id_of(run_id))))


@router.post("/{run_id}/stop")
async def post_agent_stop(request: Request, run_id: str) -> JSONResponse:
    """Stop a run where it is. What it said is kept and charged."""
    person = await person_of(request)
    await stop_agent(person.user_id, id_of(run_id))
    return JSONResponse({"ok": True})


@router.post("/{run_id}/proposals/{proposal_id}")
async def post_proposal(request: Request, run_id: str, proposal_id: str) -> JSONResponse:
    """``{"decision": "confirm" | "decline"}`` → the proposal. A confirmed one is done, once."""
    person = await person_of(request)
    values = await read_object(request, limit=limits.MAX_SMALL_BODY_BYTES)
    decision = values.get("decision")
    if decision not in ("confirm", "decline"):
        raise InvalidInput("decision must be confirm or decline.")
    found = await in_thread(decide, person.user_id, id_of(run_id), id_of(proposal_id), decision)
    return JSONResponse(_proposal_values(found))


def _budget(value: object) -> Nanos:
    if value is None:
        return DEFAULT_BUDGET
    words = f"budgetUsd must be between 0.01 and {limits.MAX_AGENT_BUDGET_CENTS / 100:.2f}, in whole cents."
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InvalidInput(words)
    # The shortest text that is this number again: 0.29 is 29 cents, as it was written.
    cents = Decimal(repr(value)) * 100
    if not cents.is_finite() or not 1 <= cents <= limits.MAX_AGENT_BUDGET_CENTS or cents != int(cents):
        raise InvalidInput(words)
    return from_cents(int(cents))


async def _parts(user_id: str, run: StartedRun) -> AsyncIterator[str]:
    told = {"runId": run.run_id, "conversationId": run.conversation_id, "model": run.model}
    yield part({"type": "start", "messageId": run.run_id, "messageMetadata": told})
    speech = _Speech()
    try:
        async for event in kept_alive(follow_run(user_id, run)):
            if event is None:
                yield ": waiting\n\n"
                continue
            for value in (*speech.before(event), *_values(event)):
                yield part(value)
    except LoomError as error:
        yield part({"type": "error", "errorText": error.message})
    yield "data: [DONE]\n\n"


class _Speech:
    """Texts are framed by their start and end; anything else that happens ends the one before it."""

    def __init__(self) -> None:
        self._number = 0
        self._open = False

    def before(self, event: RunEvent) -> list[dict[str, Any]]:
        """What goes ahead of an event, and a piece of text itself."""
        if isinstance(event, Said):
            begun: list[dict[str, Any]] = []
            if not self._open:
                self._open, self._number = True, self._number + 1
                begun = [{"type": "text-start", "id": f"text-{self._number}"}]
            return [*begun, {"type": "text-delta", "id": f"text-{self._number}", "delta": event.text}]
        if not self._open:
            return []
        self._open = False
        return [{"type": "text-end", "id": f"text-{self._number}"}]


def _values(event: RunEvent) -> list[dict[str, Any]]:
    match event:
        case StepBegan(kind="agent", number=number):
            return [{"type": "start-step"}] if number == 1 else [{"type": "finish-step"}, {"type": "start-step"}]
        case Asked(call=call):
            arguments = arguments_of(call)
            shown = call.arguments_json if arguments is None else arguments
            named = {"toolCallId": call.id, "toolName": call.name}
            return [
                {"type": "tool-input-start", **named},
                {"type": "tool-input-available", **named, "input": shown},
                _use_part(call.id, Use(call.name, doing(call)), ended=False),
            ]
        case Told(call_id=call_id, answer=answer, use=use):
            told = _use_part(call_id, use, ended=True)
            if answer.failed:
                return [{"type": "tool-output-error", "toolCallId": call_id, "errorText": answer.text}, told]
            output = {"type": "tool-output-available", "toolCallId": call_id, "output": answer.text}
            proposal = answer.proposal
            if proposal is None:
                return [output, told]
            return [output, told, {"type": "data-proposal", "id": proposal.id, "data": _proposal_values(proposal)}]
        case StepEnded(number=number, kind=kind, receipt=receipt):
            step = _step_values(StepView(number, kind, receipt))
            return [{"type": "message-metadata", "messageMetadata": {f"step{number}": step}}]
        case RunEnded(run=run):
            return _end_values(run)
        case _:
            return []


def _use_part(call_id: str, use: Use, *, ended: bool) -> dict[str, Any]:
    """What a tool does, in words: said as it begins, and again under the same id when it has ended."""
    return {"type": "data-use", "id": call_id, "data": {**_use_values(use), "ended": ended}}


def _use_values(use: Use) -> dict[str, Any]:
    finds = [{"conversationId": find.conversation_id, "title": find.title} for find in use.finds]
    return {"tool": use.tool, "words": use.words, "failed": use.failed, "finds": finds}


def _step_values(step: StepView) -> dict[str, Any]:
    return {
        "number": step.number,
        "kind": step.kind,
        "cost": format_usd(cost_of(step.receipt)),
        "receipt": receipt_values(step.receipt),
    }


def _end_values(run: RunView) -> list[dict[str, Any]]:
    failed = run.state == RunState.FAILED
    trouble = [{"type": "error", "errorText": words_of_end(run.reason or "trouble")}] if failed else []
    finish = {"type": "finish", "messageMetadata": _summary(run)}
    return [*([{"type": "finish-step"}] if run.steps else []), *trouble, finish]


def _summary(run: RunView) -> dict[str, Any]:
    return {
        "runId": run.id,
        "conversationId": run.conversation_id,
        "model": run.model,
        "state": run.state,
        "reason": run.reason,
        "words": words_of_end(run.reason) or None,
        "stepsTaken": len(run.steps),
        **dollars("total", run.spent_nanos),
        **dollars("budget", run.budget_nanos),
    }


def _run_values(run: RunView) -> dict[str, Any]:
    steps = [
        _step_values(one) | {"text": one.text, "uses": [_use_values(use) for use in one.uses]} for one in run.steps
    ]
    return _summary(run) | {
        "id": run.id,
        "task": run.task,
        "answer": run.answer,
        "createdAt": run.created_at.isoformat(),
        "endedAt": run.ended_at.isoformat() if run.ended_at else None,
        "steps": steps,
        "proposals": [_proposal_values(one) for one in run.proposals],
    }


def _proposal_values(proposal: ProposalView) -> dict[str, Any]:
    return {
        "id": proposal.id,
        "kind": proposal.kind,
        "state": proposal.state,
        "resultId": proposal.result_id,
        **proposal.payload,
    }
