"""The pieces of the agent's page: the task with its price, the run step by step, and what it proposes."""

import reflex as rx

from projectloom import limits, routes
from projectloom.components.controls import attrs, icon, link
from projectloom.components.islands import Task, Trail
from projectloom.components.model_picker import model_picker
from projectloom.components.walls import ways_past
from projectloom.state.agent import BUDGETS, AgentState
from projectloom.state.agent_rows import ProposalRow, RunRow
from projectloom.state.balance import BalanceState
from projectloom.state.models import ModelState
from projectloom.state.preferences import PreferencesState
from projectloom.state.receipt import ReceiptState

# Real jobs. The second is finished by the person before it is started.
_STARTERS = (
    (
        "pencil",
        "Tidy my titles",
        (
            "Look through my latest conversations and suggest a clear title for each whose title does not say what it "
            "is about. Leave the good ones alone."
        ),
    ),
    ("search", "Find what I said about…", "Find where and what, in a few lines, I said about "),
    (
        "git-branch",
        "Propose branches for second subjects",
        (
            "Look through my latest conversations. Where a long one turned to a second subject, suggest a branch that "
            "goes on from the message where it did."
        ),
    ),
    (
        "list-checks",
        "Find my loose ends",
        "Which questions and promises are still open in my latest conversations? List them with where they stand.",
    ),
)


def new_task() -> rx.Component:
    """Nothing runs: the field, real jobs to begin with, and the runs of before."""
    return rx.fragment(
        rx.el.div(
            rx.el.h2("What should the agent do?"),
            rx.el.p(
                "It searches and reads your own conversations and suggests. Nothing changes until you confirm it.",
                class_name="quiet",
            ),
            class_name="stack tight",
        ),
        Task.create(
            model_picker(),
            _budget(),
            rx.el.span(class_name="grow"),
            busy=AgentState.busy,
            basis=_basis(),
            max_chars=limits.MAX_AGENT_TASK_CHARS,
            on_start=AgentState.start,
            on_draft=lambda draft: AgentState.consider(draft, _basis()),
        ),
        rx.el.p(
            rx.cond(AgentState.priced == _basis(), AgentState.price, ""),
            class_name="quiet task-price",
            role="status",
            custom_attrs=attrs("task-price"),
        ),
        ways_past(AgentState.wall, AgentState.trouble),
        _starters(),
        rx.cond(AgentState.runs, _runs()),
    )


def _basis() -> rx.Var[str]:
    """All that a price rests on besides the task: when it changes, the price is asked anew."""
    return rx.Var.create(
        f"{ModelState.model} {PreferencesState.api_key_mode} {BalanceState.amount} {AgentState.budget}"
    )


def _budget() -> rx.Component:
    return rx.el.label(
        rx.el.span("At most", class_name="quiet"),
        rx.el.select(
            *[rx.el.option(words, value=cents) for cents, words in BUDGETS.items()],
            value=AgentState.budget,
            on_change=AgentState.choose_budget,
            class_name="input small",
            custom_attrs=attrs("budget", "The most that this run may cost"),
        ),
        class_name="row budget",
    )


def _starters() -> rx.Component:
    return rx.el.div(
        *[_starter(name, title, prompt) for name, title, prompt in _STARTERS],
        rx.cond(
            AgentState.example != "",
            _starter("flask-conical", "Show me in the sandbox", AgentState.example),
        ),
        class_name="options starters",
    )


def _starter(icon_name: str, title: str, prompt: rx.Var[str] | str) -> rx.Component:
    return rx.el.button(
        icon(icon_name, 16),
        rx.el.span(title, class_name="strong"),
        type="button",
        class_name="option",
        custom_attrs=attrs("task-starter", data_fill=prompt),
    )


def _runs() -> rx.Component:
    return rx.el.section(
        rx.el.h2("Earlier", class_name="section-title"),
        rx.el.ul(rx.foreach(AgentState.runs, _run_line), class_name="plain-list runs"),
        custom_attrs={"aria-label": "Earlier runs"},
    )


def _run_line(row: RunRow) -> rx.Component:
    return rx.el.li(
        link(
            rx.el.span(row.task, class_name="run-task"),
            rx.el.span(row.about, class_name="quiet"),
            rx.cond(row.waiting != "", rx.el.span(row.waiting, class_name="badge waiting")),
            to=row.href,
            class_name="run-link",
            custom_attrs=attrs("run"),
        ),
        key=row.id,
    )


def open_run() -> rx.Component:
    """A run: its task, its steps, what it proposes, and what it cost."""
    return rx.fragment(
        rx.el.div(
            link(icon("arrow-left", 14), "All runs", to=routes.AGENT, class_name="link row back"),
            rx.el.span(class_name="grow"),
            rx.cond(AgentState.live, _stop()),
            class_name="row",
        ),
        rx.el.div(AgentState.task, class_name="bubble task-said", custom_attrs=attrs("task-said")),
        Trail.create(
            run_id=AgentState.run_id,
            live=AgentState.live,
            steps=AgentState.steps,
            on_settled=AgentState.settle,
            on_news=AgentState.news,
            on_receipt=ReceiptState.show,
        ),
        rx.cond(
            AgentState.ending != "",
            rx.el.p(AgentState.ending, class_name="note", custom_attrs=attrs("run-ending")),
        ),
        rx.cond(AgentState.proposals, _proposals()),
        rx.cond(AgentState.live, rx.fragment(), _after()),
    )


def _stop() -> rx.Component:
    return rx.el.button(
        icon("square", 14),
        rx.cond(AgentState.stopping, "Stopping", "Stop"),
        type="button",
        class_name="button small",
        disabled=AgentState.stopping,
        on_click=AgentState.stop,
        custom_attrs=attrs("stop-run"),
    )


def _after() -> rx.Component:
    return rx.el.div(
        rx.el.p(
            rx.el.span(AgentState.total, class_name="num strong", custom_attrs=attrs("run-total")),
            f" of at most {AgentState.within}, {AgentState.model}",
            class_name="quiet",
        ),
        rx.el.span(class_name="grow"),
        link("Go on in chat", to=AgentState.chat, class_name="button small", custom_attrs=attrs("run-chat")),
        link("New task", to=routes.AGENT, class_name="button small", custom_attrs=attrs("new-task")),
        class_name="row wrap run-foot",
    )


def _proposals() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h2("Suggestions", class_name="card-title"),
            rx.el.span(class_name="grow"),
            rx.cond(
                AgentState.waiting > 1, rx.fragment(_all("confirm", "Confirm all"), _all("decline", "Decline all"))
            ),
            class_name="row wrap",
        ),
        rx.el.ul(rx.foreach(AgentState.proposals, _proposal), class_name="plain-list proposals"),
        class_name="card",
        custom_attrs=attrs("proposals", "Suggestions"),
    )


def _all(decision: str, words: str) -> rx.Component:
    return rx.el.button(
        words,
        type="button",
        class_name="button small",
        on_click=AgentState.decide_all(decision),
        custom_attrs=attrs(f"{decision}-all"),
    )


def _proposal(row: ProposalRow) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.cond(row.kind == "rename", _rename(row), _branch(row)),
            class_name="stacked grow",
        ),
        rx.cond(row.waiting, _choices(row), _decided(row)),
        key=row.id,
        class_name="proposal",
        custom_attrs=attrs("proposal"),
    )


def _rename(row: ProposalRow) -> rx.Component:
    return rx.fragment(
        rx.el.span(
            rx.el.span("Rename ", class_name="quiet"), link(row.before, to=row.href, class_name="link old-title")
        ),
        rx.el.span(rx.el.span("to ", class_name="quiet"), rx.el.span(row.after, class_name="strong")),
    )


def _branch(row: ProposalRow) -> rx.Component:
    return rx.fragment(
        rx.el.span(
            rx.el.span("Make a new conversation from a part of ", class_name="quiet"),
            link(row.before, to=row.href, class_name="link"),
        ),
        rx.el.span(row.reason),
    )


def _choices(row: ProposalRow) -> rx.Component:
    about = rx.cond(row.kind == "rename", row.after, row.before)
    return rx.el.div(
        rx.el.button(
            "Decline",
            type="button",
            class_name="button small",
            on_click=AgentState.decide(row.id, "decline"),
            custom_attrs=attrs("decline", rx.Var.create(f"Decline: {about}")),
        ),
        rx.el.button(
            "Confirm",
            type="button",
            class_name="button small primary",
            on_click=AgentState.decide(row.id, "confirm"),
            custom_attrs=attrs("confirm", rx.Var.create(f"Confirm: {about}")),
        ),
        class_name="row choices",
    )


def _decided(row: ProposalRow) -> rx.Component:
    return rx.el.div(
        rx.el.span(row.done, class_name="quiet", role="status", custom_attrs=attrs("decided")),
        rx.cond(row.made != "", link("Open", to=row.made, class_name="link", custom_attrs=attrs("open-branch"))),
        rx.cond(
            row.undo != "",
            rx.el.button(
                row.undo,
                type="button",
                class_name="link",
                on_click=AgentState.take_back(row.id),
                custom_attrs=attrs("undo", rx.Var.create(f"Undo: {row.done}, {row.before}")),
            ),
        ),
        class_name="row choices",
    )
