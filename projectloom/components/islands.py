"""The React components of our own, in ``assets/islands``: what must not wait for the server lives in the browser.

A streaming reply, the message field, the scrolling thread, the list of conversations and modals. Those about who
somebody is stand in :mod:`projectloom.components.account_islands`. Everything else is plain elements bound to state.
"""

from typing import Any

import reflex as rx
from reflex_base.vars import VarData
from reflex_base.vars.function import FunctionStringVar

_BACKEND_URL = FunctionStringVar.create(
    "backendUrl", _var_data=VarData(imports={"$/public/islands/backend.js": [rx.ImportVar(tag="backendUrl")]})
)


def _two_texts(first: rx.Var[str], second: rx.Var[str]) -> tuple[rx.Var[str], rx.Var[str]]:
    return first, second


def text_and_choice(first: rx.Var[str], second: rx.Var[bool]) -> tuple[rx.Var[str], rx.Var[bool]]:
    """What an event brings that names something and says yes or no to it."""
    return first, second


def backend_url(path: rx.Var[str] | str) -> rx.Var:
    """The address of an HTTP route for a plain link: the page's own origin, or in development the Python process."""
    return _BACKEND_URL.call(path)


class Reply(rx.Component):
    """A reply in Markdown, streaming (``live``) or finished. Calls ``on_settled`` with its turn once that is over.

    A finished reply without ``text`` whose ``size`` in characters is given is shown from what its stream brought.
    """

    library = "$/public/islands/reply.jsx"
    tag = "Reply"
    lib_dependencies: list[str] = [
        "mdast-util-from-markdown@2.1.0",
        "mdast-util-gfm@3.1.0",
        "mdast-util-to-hast@13.2.2",
        "micromark-extension-gfm@3.0.0",
        "highlight.js@11.12.0",
        "katex@0.19.1",
    ]

    text: rx.Var[str]
    turn_id: rx.Var[str]
    live: rx.Var[bool]
    size: rx.Var[int]
    on_settled: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class CopyReply(rx.Component):
    """A button that copies a reply as Markdown, whether the page has its text from the state or from its stream."""

    library = "$/public/islands/reply.jsx"
    tag = "CopyReply"

    text: rx.Var[str]
    turn_id: rx.Var[str]


class Question(rx.Component):
    """A question that can be edited in place while it is not ``locked``; children stand under it.

    ``on_draft`` is called with what is being written, after a pause; ``price`` is what is said beside Send.
    """

    library = "$/public/islands/question.jsx"
    tag = "Question"

    text: rx.Var[str]
    price: rx.Var[str]
    locked: rx.Var[bool]
    on_draft: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_send: rx.EventHandler[_two_texts]


class TreeMap(rx.Component):
    """The branches of a conversation as lines with rails; calls ``on_travel`` with the number of the chosen line."""

    library = "$/public/islands/tree-map.jsx"
    tag = "TreeMap"

    rows: rx.Var[list[object]]
    on_travel: rx.EventHandler[rx.event.passthrough_event_spec(int)]


def _text_and_files(text: rx.Var[str], files: rx.Var[list[str]]) -> tuple[rx.Var[str], rx.Var[list[str]]]:
    return text, files


def _message_with_files(
    text: rx.Var[str], request_id: rx.Var[str], files: rx.Var[list[str]]
) -> tuple[rx.Var[str], rx.Var[str], rx.Var[list[str]]]:
    return text, request_id, files


class Composer(rx.Component):
    """The message field with its draft and the files that go with it; children stand left of Send.

    ``limits`` say what may be attached.

    ``ready`` once ``conversation_id`` is the one of this page, so that no draft of another is shown. The draft is told
    again whenever ``basis``, what its price rests on, changes.

    ``taken`` is the id of the request that the server answered for last; ``lost`` while its socket has no connection.
    """

    library = "$/public/islands/composer.jsx"
    tag = "Composer"

    conversation_id: rx.Var[str]
    ready: rx.Var[bool]
    running: rx.Var[bool]
    basis: rx.Var[str]
    returned: rx.Var[object]
    taken: rx.Var[str]
    lost: rx.Var[bool]
    limits: rx.Var[dict[str, object]]
    on_send: rx.EventHandler[_message_with_files]
    on_draft: rx.EventHandler[_text_and_files]
    on_stop: rx.EventHandler[rx.event.no_args_event_spec]


class Alive(rx.Component):
    """Draws nothing: stands on every page and says when what is pressed there is heard."""

    library = "$/public/islands/alive.jsx"
    tag = "Alive"


class ConnectionNote(rx.Component):
    """The strip that says that there is no connection: the browser's word, or that of the socket, which is ``lost``."""

    library = "$/public/islands/connection.jsx"
    tag = "ConnectionNote"

    lost: rx.Var[bool]


class Thread(rx.Component):
    """The scrolling middle of the chat. ``anchor`` is the page id of the question that goes to the top.

    While ``attention`` is not empty, something at the end must be seen. ``first`` is the page id of the first message;
    while there is ``more`` before it, ``on_top`` is called once somebody scrolls near it.
    """

    library = "$/public/islands/thread.jsx"
    tag = "Thread"

    conversation_id: rx.Var[str]
    anchor: rx.Var[str]
    attention: rx.Var[str]
    first: rx.Var[str]
    more: rx.Var[bool]
    on_top: rx.EventHandler[rx.event.no_args_event_spec]


class Conversations(rx.Component):
    """The list of a person's (``owner``) conversations with its search.

    It reads over HTTP, and looks again whenever ``version`` grows: at its top, or after ``changes`` at all that was
    scrolled to. What is done to a conversation it asks of the page, by its id. ``on_heard``: another tab did something.
    """

    library = "$/public/islands/conversations.jsx"
    tag = "Conversations"

    owner: rx.Var[str]
    trash_days: rx.Var[int]
    current: rx.Var[str]
    version: rx.Var[int]
    changes: rx.Var[int]
    on_heard: rx.EventHandler[rx.event.no_args_event_spec]
    on_rename: rx.EventHandler[_two_texts]
    on_pin: rx.EventHandler[text_and_choice]
    on_archive: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_unarchive: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_remove: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_restore: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class FoundMessage(rx.Component):
    """Brings the message that the address names (``?at=``) into view once ``ready``, its words (``&find=``) marked."""

    library = "$/public/islands/found.jsx"
    tag = "FoundMessage"

    conversation_id: rx.Var[str]
    ready: rx.Var[bool]


class Dialog(rx.Component):
    """A modal, open as long as it is rendered."""

    library = "$/public/islands/dialog.jsx"
    tag = "Dialog"

    label: rx.Var[str]
    on_close: rx.EventHandler[rx.event.no_args_event_spec]


class Task(rx.Component):
    """The field for the agent's task; children stand left of Start. The draft is told again when ``basis`` changes."""

    library = "$/public/islands/task.jsx"
    tag = "Task"

    busy: rx.Var[bool]
    basis: rx.Var[str]
    max_chars: rx.Var[int]
    on_start: rx.EventHandler[_two_texts]
    on_draft: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class Trail(rx.Component):
    """What a run of the agent says and does: followed while it is ``live``, else drawn from its ``steps``."""

    library = "$/public/islands/trail.jsx"
    tag = "Trail"
    lib_dependencies: list[str] = Reply.lib_dependencies

    run_id: rx.Var[str]
    live: rx.Var[bool]
    steps: rx.Var[list]
    on_settled: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_news: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_receipt: rx.EventHandler[rx.event.passthrough_event_spec(str)]


class Radio(rx.Component):
    """A radio button that shows the click at once and follows ``checked`` when the server says otherwise."""

    library = "$/public/islands/radio.jsx"
    tag = "Radio"

    name: rx.Var[str]
    value: rx.Var[str]
    checked: rx.Var[bool]
    on_choose: rx.EventHandler[rx.event.no_args_event_spec]


class CopyButton(rx.Component):
    """A button that copies ``text`` and says so."""

    library = "$/public/islands/copy.jsx"
    tag = "CopyButton"

    text: rx.Var[str]


class Palette(rx.Component):
    """The keyboard shortcuts, and the command palette that is loaded when it is first asked for.

    ``on_open`` while there are no models to choose from yet.
    """

    library = "$/public/islands/palette.jsx"
    tag = "Palette"

    pages: rx.Var[list[dict[str, str]]]
    models: rx.Var[list[Any]]
    mode: rx.Var[str]
    model: rx.Var[str]
    sells_credits: rx.Var[bool]
    on_open: rx.EventHandler[rx.event.no_args_event_spec]
    on_model: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_mode: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_guide: rx.EventHandler[rx.event.no_args_event_spec]


class Toasts(rx.Component):
    """Stands on every page: where what ``rx.toast`` says appears, in place of the library that Reflex brings for it."""

    library = "$/public/islands/toasts.jsx"
    tag = "Toasts"


class ThemeChoice(rx.Component):
    """Three radio buttons for the theme, which is kept in this browser."""

    library = "$/public/islands/theme.jsx"
    tag = "ThemeChoice"


class ImportFile(rx.Component):
    """A button that takes a file of conversations to the server and says what became of it; then ``on_made``."""

    library = "$/public/islands/import_file.jsx"
    tag = "ImportFile"

    on_made: rx.EventHandler[rx.event.no_args_event_spec]


class Bars(rx.Component):
    """The chart of the activity: bars that are links. ``resting`` stands where the words of a bar will."""

    library = "$/public/islands/bars.jsx"
    tag = "Bars"

    bars: rx.Var[list[Any]]
    label: rx.Var[str]
    top: rx.Var[str]
    half: rx.Var[str]
    resting: rx.Var[str]


class BalanceWatch(rx.Component):
    """Draws nothing: tells the other tabs of this browser what the balance is, and asks when they know another.

    ``on_stale`` also when the page comes back into sight, since the balance may have moved anywhere.
    """

    library = "$/public/islands/balance.jsx"
    tag = "BalanceWatch"

    known: rx.Var[str]
    on_stale: rx.EventHandler[rx.event.no_args_event_spec]
