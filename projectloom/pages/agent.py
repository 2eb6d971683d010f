"""The agent: a task about one's own conversations, what it does step by step, and what it suggests."""

import reflex as rx

from projectloom.components.agent import new_task, open_run
from projectloom.components.controls import attrs, skeleton
from projectloom.state.agent import AgentState
from projectloom.template import frame


def agent_page() -> rx.Component:
    """A new task, or the run that the address names."""
    return frame(
        rx.el.div(
            rx.cond(
                AgentState.opened,
                rx.cond(AgentState.run_id != "", open_run(), new_task()),
                rx.el.div(skeleton("45%"), skeleton("90%", "95%", "70%"), class_name="stack wide-gap"),
            ),
            class_name="page agent-page",
        ),
        rx.el.p(AgentState.announcement, class_name="sr-only", role="status", custom_attrs=attrs("announcement")),
        title="Agent",
    )
