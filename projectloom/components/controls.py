"""Small pieces that several rooms use: named icon buttons, links inside the page's router, the sandbox badge."""

from typing import Any

import reflex as rx
from reflex_components_core.react_router.dom import ReactRouterLink

from projectloom.config import settings


def attrs(test: Any = "", label: Any = "", **more: Any) -> dict[str, Any]:
    """HTML attributes: the stable hook for tests, the accessible name, and others with ``_`` for ``-``."""
    found = {name.replace("_", "-"): value for name, value in more.items()}
    if not isinstance(test, str) or test:
        found["data-testid"] = test
    if not isinstance(label, str) or label:
        found["aria-label"] = label
    return found


def icon(name: str, size: int = 16) -> rx.Component:
    """An icon beside words or inside a named button: hidden from screen readers."""
    return rx.icon(name, size=size, custom_attrs={"aria-hidden": "true"})


def icon_button(name: str, label: str, *, test: Any = "", size: int = 16, **props: Any) -> rx.Component:
    """A square button with an icon and a name."""
    more = props.pop("more", {})
    class_name = props.pop("class_name", "icon-button")
    return rx.el.button(
        icon(name, size),
        type="button",
        class_name=class_name,
        title=label,
        custom_attrs=attrs(test, label, **more),
        **props,
    )


def sheet_head(title: str, *, close: str, on_close: Any) -> rx.Component:
    """The first line of a dialog: what it is about, and a way out that says what becomes of it."""
    return rx.el.div(
        rx.el.h2(title),
        rx.el.span(class_name="grow"),
        icon_button("x", close, on_click=on_close),
        class_name="row",
    )


def link(*children: Any, to: Any, **props: Any) -> rx.Component:
    """A link that stays inside the page, without a reload."""
    return ReactRouterLink.create(*children, to=to, **props)


def sandbox_badge() -> rx.Component:
    """Says "Sandbox" wherever money or replies are shown, while the stand-ins are mounted."""
    if not settings().sandbox_on:
        return rx.fragment()
    return rx.el.span(
        "Sandbox",
        class_name="badge sandbox",
        title="A demonstration: no real money moves and replies come from a stand-in.",
        custom_attrs=attrs("sandbox-badge"),
    )


def skeleton(*widths: str) -> rx.Component:
    """Grey lines where text is about to stand."""
    lines = [rx.el.span(class_name="skeleton", style={"width": width}) for width in widths]
    return rx.el.div(*lines, class_name="skeletons", custom_attrs={"aria-hidden": "true"})


def dollar_input(**props: Any) -> rx.Component:
    """A field for a whole number of dollars, with the sign before it; the server checks what is typed."""
    return rx.fragment(
        rx.el.span("$", class_name="quiet", custom_attrs={"aria-hidden": "true"}),
        rx.el.input(
            input_mode="numeric", pattern="[0-9]*", max_length=5, auto_complete="off", class_name="input num", **props
        ),
    )


def kept_dollars(words: str, value: Any, **props: Any) -> rx.Component:
    """A labelled field that shows the amount which is kept, made anew when that changes."""
    return rx.el.label(
        rx.el.span(words),
        rx.el.span(dollar_input(key=value, default_value=value, **props), class_name="row dollars"),
        class_name="field",
    )


def days_form(state: Any, *, test: str, class_name: str = "row wrap days") -> rx.Component:
    """Two days to choose a range by. ``state`` has ``since``, ``until`` and the handler ``choose_days``."""
    return rx.el.form(
        _day("From", "since", state.since, test),
        _day("to", "until", state.until, test),
        rx.el.button("Show", type="submit", class_name="button small", custom_attrs=attrs(f"{test}-days")),
        on_submit=state.choose_days,
        class_name=class_name,
    )


def _day(words: str, name: str, value: rx.Var[str] | str, test: str) -> rx.Component:
    return rx.el.label(
        words,
        rx.el.input(
            type="date",
            name=name,
            default_value=value,
            key=value,
            class_name="input small",
            custom_attrs=attrs(f"{test}-{name}"),
        ),
        class_name="row quiet",
    )
