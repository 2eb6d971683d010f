"""The agent's page: a task with its price, the run while it works, and what it proposes.

A run belongs to the server. This state starts one and reads what is kept of it; what it says and does meanwhile goes
from the run's own event stream to the browser.
"""

import reflex as rx

from projectloom import limits, routes
from projectloom.assistants.agent import start_agent, stop_agent
from projectloom.assistants.agent_endings import words_of_end
from projectloom.assistants.agent_list import list_runs
from projectloom.assistants.agent_models import RunState
from projectloom.assistants.agent_proposals import Decision, decide, decide_all, take_back
from projectloom.assistants.agent_runs import AgentRequest, RunView, read_run
from projectloom.assistants.agent_work import estimate_step
from projectloom.config import settings
from projectloom.db import in_thread
from projectloom.errors import LoomError, NotFound, ProposalDecided, ProposalStale
from projectloom.money import Nanos, format_usd, from_cents
from projectloom.rates import Act
from projectloom.state.agent_rows import ProposalRow, RunRow, StepRow, proposal_row, run_row, step_row
from projectloom.state.assist import price_words, wall_of
from projectloom.state.balance import BalanceState
from projectloom.state.caps import CapsState
from projectloom.state.conversations import ConversationsState
from projectloom.state.models import ModelState, model_labels
from projectloom.state.session import counted, handled, signed_in
from projectloom.state.usage import UsageState
from projectloom.state.words import count_of
from projectloom.workspace.chats import read_page

# What a run may cost at most, in cents.
BUDGETS = {"10": "10 ¢", "25": "25 ¢", "50": "50 ¢", "100": "$1", "200": "$2", "500": "$5"}


class AgentState(rx.State):
    """The run that is open, or the task field when none is, and the runs of before."""

    opened: bool = False
    budget: str = str(limits.AGENT_BUDGET_CENTS)
    price: str = ""
    priced: str = ""
    busy: bool = False
    wall: str = ""
    trouble: str = ""
    run_id: str = ""
    task: str = ""
    model: str = ""
    live: bool = False
    stopping: bool = False
    steps: list[StepRow] = []
    proposals: list[ProposalRow] = []
    waiting: int = 0
    total: str = ""
    within: str = ""
    ending: str = ""
    chat: str = ""
    announcement: str = ""
    runs: list[RunRow] = []
    example: str = ""

    @handled
    async def open_from_address(self):
        """On load: the run that the address names, or the task field and the runs of before."""
        person = await signed_in(self)
        wanted = routes.agent_run_in(self.router.url.path)
        self._clear()
        if wanted:
            try:
                await self._take_in(await in_thread(read_run, person.user_id, wanted))
            except NotFound:
                return [rx.toast.error("That run is not here."), rx.redirect(routes.AGENT, replace=True)]
        else:
            self.runs = [run_row(line) for line in await in_thread(list_runs, person.user_id)]
        self.opened = True
        return None

    @handled
    async def prepare_example(self):
        """In the sandbox, whose models do what they are told word for word: a task that shows everything."""
        person = await signed_in(self)
        page = await in_thread(read_page, person.user_id)
        rows = [*page.pinned, *page.rows]
        self.example = _example(rows[0].id, rows[0].title) if settings().sandbox_on and rows else ""

    @rx.event
    def choose_budget(self, cents: str):
        """What the next run may cost at most."""
        self.budget = cents if cents in BUDGETS else self.budget

    @handled
    async def consider(self, draft: str, basis: str):
        """The task that is being written, or what its price rests on, has changed."""
        person = await signed_in(self)
        request = await self._request(person.user_id, draft.strip() or "Tidy up.", None)
        try:
            found = await in_thread(estimate_step, request)
        except LoomError:
            # What is wrong with a task is said when it is begun.
            self.price = ""
            return
        words = price_words(found)
        self.price = words if found.obstacle else f"{words} a step, {BUDGETS[self.budget]} at most in all."
        self.priced = basis

    @handled
    async def start(self, task: str, request_id: str):
        """Begin a run. What stands in the way is said in place; then nothing was charged."""
        if self.busy or not task.strip():
            return
        self.busy, self.wall, self.trouble = True, "", ""
        yield
        person = await signed_in(self)
        try:
            await counted(self, person, Act.AGENT)
            started = await start_agent(await self._request(person.user_id, task, request_id or None))
        except LoomError as error:
            self.busy, self.wall, self.trouble = False, wall_of(error), error.message
            yield [BalanceState.refresh, ModelState.load]
            return
        self.busy, self.announcement = False, "The agent is at work."
        yield [rx.redirect(routes.agent_run(started.run_id)), ConversationsState.load]

    @handled
    async def stop(self):
        """End the run where it is. What it said is kept and charged."""
        person = await signed_in(self)
        self.stopping = True
        await stop_agent(person.user_id, self.run_id)

    @handled
    async def news(self, run_id: str):
        """Something was proposed while the run works."""
        if run_id == self.run_id:
            await self._reread()

    @handled
    async def settle(self, run_id: str):
        """The run is over: take in what is kept of it, and let the balance move."""
        if run_id != self.run_id:
            return None
        await self._reread()
        self.announcement = "" if self.live else f"The agent has ended. {self.ending}".strip()
        return [BalanceState.refresh, UsageState.load, CapsState.load, ConversationsState.load]

    @handled
    async def decide(self, proposal_id: str, decision: str):
        """Confirm or decline one proposal. One that no longer fits says so in its place."""
        person = await signed_in(self)
        try:
            await in_thread(decide, person.user_id, self.run_id, proposal_id, _decision(decision))
        except (ProposalStale, ProposalDecided) as error:
            await self._reread()
            return rx.toast.warning(error.message)
        await self._reread()
        return ConversationsState.load

    @handled
    async def decide_all(self, decision: str):
        """Confirm or decline everything that waits."""
        person = await signed_in(self)
        missed = await in_thread(decide_all, person.user_id, self.run_id, _decision(decision))
        await self._reread()
        if not missed:
            return ConversationsState.load
        said = f"{count_of(missed, 'suggestion', 'suggestions')} did not fit any more, so nothing was done there."
        return [rx.toast.warning(said), ConversationsState.load]

    @handled
    async def take_back(self, proposal_id: str):
        """Undo what a confirmed proposal did."""
        person = await signed_in(self)
        try:
            await in_thread(take_back, person.user_id, self.run_id, proposal_id)
        except (ProposalStale, ProposalDecided) as error:
            return rx.toast.warning(error.message)
        await self._reread()
        return ConversationsState.load

    @rx.event
    def dismiss_trouble(self):
        """Close the card that stood in the way."""
        self.wall = self.trouble = ""

    async def _request(self, user_id: str, task: str, request_id: str | None) -> AgentRequest:
        model = (await self.get_state(ModelState)).model
        budget = from_cents(int(self.budget))
        return AgentRequest(user_id, task, model or None, Nanos(budget), client_request_id=request_id)

    async def _reread(self) -> None:
        person = await signed_in(self)
        await self._take_in(await in_thread(read_run, person.user_id, self.run_id))

    async def _take_in(self, run: RunView) -> None:
        labels = await model_labels()
        self.run_id, self.task, self.model = run.id, run.task, labels.get(run.model, run.model)
        self.live = run.state == RunState.RUNNING
        self.stopping = self.stopping and self.live
        # While it works the browser has them from the run itself.
        self.steps = [] if self.live else [step_row(step) for step in run.steps]
        self.proposals = [proposal_row(one) for one in run.proposals]
        self.waiting = sum(row.waiting for row in self.proposals)
        self.total, self.within = format_usd(run.spent_nanos), format_usd(run.budget_nanos)
        self.ending = words_of_end(run.reason)
        self.chat = routes.conversation(run.conversation_id)

    def _clear(self) -> None:
        self.run_id = self.task = self.model = self.total = self.within = self.ending = self.chat = ""
        self.wall = self.trouble = self.announcement = ""
        self.steps, self.proposals, self.waiting = [], [], 0
        self.opened = self.busy = self.live = self.stopping = False


def _decision(word: str) -> Decision:
    # Anything but the one word changes nothing of the person's.
    return "confirm" if word == "confirm" else "decline"


def _example(conversation_id: str, title: str) -> str:
    words = title.rstrip("…").rstrip()
    tidy = f"{words[: limits.MAX_TITLE_CHARS - 10]} (tidied)".replace('"', "'").replace("\\", "")
    return (
        "Look through my conversations and suggest a better title.\n"
        'use tool list_conversations {"limit": 5}\n'
        f'use tool propose_rename {{"conversation_id": "{conversation_id}", "title": "{tidy}"}}'
    )
