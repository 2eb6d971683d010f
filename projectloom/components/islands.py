"""The React components of our own, in ``assets/islands``: what must not wait for the server lives in the browser.

A streaming reply, the message field, the scrolling thread, modals and the sign-in form. Everything else is plain
elements bound to state.
"""

import reflex as rx
from reflex_base.vars import VarData
from reflex_base.vars.function import FunctionStringVar

_BACKEND_URL = FunctionStringVar.create(
    "backendUrl", _var_data=VarData(imports={"$/public/islands/backend.js": [rx.ImportVar(tag="backendUrl")]})
)


def _two_texts(first: rx.Var[str], second: rx.Var[str]) -> tuple[rx.Var[str], rx.Var[str]]:
    return first, second


def backend_url(path: rx.Var[str] | str) -> rx.Var:
    """The address of an HTTP route for a plain link: the page's own origin, or in development the Python process."""
    return _BACKEND_URL.call(path)


class Reply(rx.Component):
    """A reply in Markdown, streaming (``live``) or finished. Calls ``on_settled`` with its turn once that is over."""

    library = "$/public/islands/reply.jsx"
    tag = "Reply"
    lib_dependencies: list[str] = ["react-markdown@10.1.0", "remark-gfm@4.0.1"]

    text: rx.Var[str]
    turn_id: rx.Var[str]
    live: rx.Var[bool]
    on_settled: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class Composer(rx.Component):
    """The message field with its draft; children stand left of Send.

    ``ready`` once ``conversation_id`` is the one of this page, so that no draft of another is shown. The draft is told
    again whenever ``basis``, what its price rests on, changes.
    """

    library = "$/public/islands/composer.jsx"
    tag = "Composer"

    conversation_id: rx.Var[str]
    ready: rx.Var[bool]
    running: rx.Var[bool]
    basis: rx.Var[str]
    returned: rx.Var[object]
    on_send: rx.EventHandler[_two_texts]
    on_draft: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_stop: rx.EventHandler[rx.event.no_args_event_spec]


class Thread(rx.Component):
    """The scrolling middle of the chat. ``anchor`` is the page id of the question that goes to the top.

    While ``attention`` is not empty, something at the end must be seen.
    """

    library = "$/public/islands/thread.jsx"
    tag = "Thread"

    conversation_id: rx.Var[str]
    anchor: rx.Var[str]
    attention: rx.Var[str]


class Dialog(rx.Component):
    """A modal, open as long as it is rendered."""

    library = "$/public/islands/dialog.jsx"
    tag = "Dialog"

    label: rx.Var[str]
    on_close: rx.EventHandler[rx.event.no_args_event_spec]


class Radio(rx.Component):
    """A radio button that shows the click at once and follows ``checked`` when the server says otherwise."""

    library = "$/public/islands/radio.jsx"
    tag = "Radio"

    name: rx.Var[str]
    value: rx.Var[str]
    checked: rx.Var[bool]
    on_choose: rx.EventHandler[rx.event.no_args_event_spec]


class AuthForm(rx.Component):
    """Sign in, sign up, and in the sandbox the demonstration account."""

    library = "$/public/islands/auth.jsx"
    tag = "AuthForm"

    demonstration: rx.Var[bool]
    min_password: rx.Var[int]


class SignOut(rx.Component):
    """The button that ends the session."""

    library = "$/public/islands/auth.jsx"
    tag = "SignOut"
