"""Telling the browser only what it does not show yet.

Reflex sends every variable that was set, also one that was set to what it was. After each reply a handful of states
read everything again, of which most is as before.
"""

from typing import Any

import reflex as rx


def show(state: rx.State, **values: Any) -> None:
    """Set those variables of a state that differ from these values."""
    for name, value in values.items():
        if getattr(state, name) != value:
            setattr(state, name, value)
