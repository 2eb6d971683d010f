"""The activity: a week in a sentence, a range as a chart and as tables, and the replies behind every figure."""

import reflex as rx

from projectloom import routes
from projectloom.components.activity_records import records
from projectloom.components.activity_sides import chart, sides
from projectloom.components.controls import attrs, days_form, icon, link, sandbox_badge, skeleton
from projectloom.components.islands import backend_url
from projectloom.state.activity import ActivityState
from projectloom.state.activity_rows import Choice, Part
from projectloom.state.identity import IdentityState
from projectloom.template import frame


def activity_page() -> rx.Component:
    """The whole page."""
    return frame(
        rx.el.div(
            rx.el.section(
                rx.el.div(
                    rx.el.h2(icon("activity"), "Activity", class_name="section-title"),
                    sandbox_badge(),
                    rx.el.span(class_name="grow"),
                    _csv(),
                    class_name="row wrap",
                ),
                rx.cond(_known(), _week(), skeleton("70%")),
                rx.el.nav(
                    rx.foreach(ActivityState.spans, lambda one: _chip(one, "activity-span")),
                    class_name="chips",
                    custom_attrs={"aria-label": "Span of time"},
                ),
                rx.cond(ActivityState.choosing, days_form(ActivityState, test="activity")),
                rx.cond(ActivityState.chosen, _chosen()),
                rx.cond(_known(), _figures(), skeleton("30%", "100%", "100%", "100%")),
                class_name="card roomy",
            ),
            rx.cond(
                _known(),
                rx.cond(ActivityState.nothing, rx.fragment(), rx.fragment(sides(), records())),
                skeleton("80%", "70%", "75%"),
            ),
            class_name="page wide",
        ),
        title="Activity",
    )


def _known() -> rx.Var[bool] | bool:
    return IdentityState.known & ActivityState.loaded


def _csv() -> rx.Component:
    # Asked of the server itself: the page's own router knows no such address.
    return link(
        icon("download", 14),
        "Download CSV",
        to=backend_url(ActivityState.csv_path),
        reload_document=True,
        class_name="button small",
        custom_attrs=attrs("activity-csv"),
    )


def _week() -> rx.Component:
    return rx.el.p(rx.foreach(ActivityState.week, _part), class_name="week", custom_attrs=attrs("activity-week"))


def _part(part: Part) -> rx.Component:
    return rx.cond(
        part.href != "",
        link(part.text, to=part.href, key=part.key, class_name="link"),
        rx.el.span(part.text, key=part.key),
    )


def _chip(one: Choice, test: str) -> rx.Component:
    return link(
        one.words,
        to=one.href,
        key=one.name,
        class_name="chip",
        custom_attrs=attrs(test, data_choice=one.name, aria_current=rx.cond(one.current, "page", "false")),
    )


def _chosen() -> rx.Component:
    """What is chosen; a press takes it away."""
    return rx.el.nav(
        rx.foreach(
            ActivityState.chosen,
            lambda one: link(
                one.words,
                icon("x", 14),
                to=one.href,
                key=one.name,
                class_name="chip chosen",
                custom_attrs=attrs(
                    "activity-filter", rx.Var.create(f"Show not only {one.words}"), data_choice=one.name
                ),
            ),
        ),
        link("Clear all", to=ActivityState.clear_href, class_name="link quiet", custom_attrs=attrs("activity-clear")),
        class_name="chips",
        custom_attrs={"aria-label": "What is chosen"},
    )


def _figures() -> rx.Component:
    return rx.cond(ActivityState.nothing, _nothing(), rx.fragment(_totals(), chart()))


def _totals() -> rx.Component:
    return rx.el.dl(
        rx.el.div(
            rx.el.dt("From credits"),
            rx.el.dd(ActivityState.total, class_name="figure num", custom_attrs=attrs("activity-total")),
            rx.el.dd(link("In the statement", to=ActivityState.statement_href, class_name="link"), class_name="quiet"),
        ),
        rx.cond(
            ActivityState.own != "",
            rx.el.div(
                rx.el.dt("Paid by your own keys"),
                rx.el.dd(ActivityState.own, class_name="figure num", custom_attrs=attrs("activity-own")),
                rx.el.dd("Providers bill this to you. Not in the credits.", class_name="quiet"),
            ),
        ),
        rx.el.div(
            rx.el.dt(ActivityState.range_words),
            rx.el.dd(ActivityState.count, class_name="figure", custom_attrs=attrs("activity-count")),
            rx.el.dd(ActivityState.tokens, class_name="quiet"),
        ),
        class_name="totals",
    )


def _nothing() -> rx.Component:
    return rx.el.div(
        rx.cond(
            ActivityState.chosen,
            rx.fragment(
                rx.el.p("Nothing of this kind in this time.", class_name="strong"),
                link("Show all of this time", to=ActivityState.clear_href, class_name="link"),
            ),
            rx.fragment(
                rx.el.p("Nothing was used in this time.", class_name="strong"),
                rx.el.p(
                    "Each reply adds to a bar here: on which day, by which model, and what it cost to the last digit. "
                    "A bar or a line leads to its replies, and each amount opens a receipt.",
                    class_name="quiet",
                ),
                link("Ask something small", to=routes.CHAT, class_name="link"),
            ),
        ),
        class_name="empty-note",
        custom_attrs=attrs("activity-empty"),
    )
