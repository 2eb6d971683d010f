"""The pieces that the control page's forms and tables are made of."""

import html
from collections.abc import Iterable


def table_section(title: str, heads: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    """A section with a table, or with the word that there is nothing yet."""
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    nothing = '<p class="quiet">None yet.</p>'
    return f'<section class="card span" aria-label="{title}"><h2>{title}</h2>{table if body else nothing}</section>'


def button_form(action: str, words: str, fields: dict[str, str]) -> str:
    """A button that posts these fields to an action of the page."""
    hidden = "".join(hidden_field(name, value) for name, value in fields.items())
    return f'<form method="post" action="control/{action}">{hidden}<button>{words}</button></form>'


def hidden_field(name: str, value: str) -> str:
    """A field that is sent and not seen."""
    return f'<input type="hidden" name="{name}" value="{html.escape(value)}">'


def number_field(words: str, name: str, value: float, step: str = "1") -> str:
    """A field for a number that is not negative."""
    return f'<label>{words} <input type="number" min="0" step="{step}" name="{name}" value="{value:g}"></label>'


def select_field(words: str, name: str, values: Iterable[str], chosen: str) -> str:
    """A choice among names."""
    return f'<label>{words} <select name="{name}">{option_list(values, chosen)}</select></label>'


def option_list(values: Iterable[str], chosen: str) -> str:
    """The options of a choice among names."""
    return "".join(
        f'<option value="{value}"{" selected" * (value == chosen)}>{in_words(value)}</option>' for value in values
    )


def in_words(name: str) -> str:
    """A name of ours as words for people."""
    return html.escape(name.replace("_", " ").capitalize())


def as_code(text: str) -> str:
    """An id as text of equal width."""
    return f"<code>{html.escape(text)}</code>"
