"""The control page's section about the model providers."""

import html
from typing import Any

from projectloom.sandbox.control_forms import button_form, number_field
from projectloom.sandbox.provider_faults import TROUBLE_WORDS, Trouble

_PROVIDERS = {"both": "Anthropic and OpenAI", "anthropic": "Anthropic", "openai": "OpenAI"}
_OFFERED = _PROVIDERS | {"both": "Both"}
_STATUSES = (400, 401, 403, 404, 429, 500, 503, 529)


def model_providers(summary: dict[str, Any]) -> str:
    """A form that arms a fault, and the faults that are armed."""
    troubles = "".join(
        f'<optgroup label="{group}">'
        + "".join(f'<option value="{kind}">{words[0].upper()}{words[1:]}</option>' for kind, words in kinds.items())
        + "</optgroup>"
        for group, kinds in TROUBLE_WORDS.items()
    )
    providers = "".join(f'<option value="{name}">{words}</option>' for name, words in _OFFERED.items())
    statuses = "".join(
        f'<option value="{status}"{" selected" * (status == 500)}>{status}</option>' for status in _STATUSES
    )
    coming = "".join(map(_armed, summary["provider_faults"]))
    rows = f'{coming}<div class="row">{button_form("clear-provider-fault", "Clear all", {})}</div>' if coming else ""
    return f"""<section class="card span" aria-label="Model providers"><h2>Model providers</h2>
<p class="quiet">Let the next requests to a model go wrong. Each request takes one fault, the oldest that fits it.</p>
<form method="post" action="control/provider-fault">
<div class="row"><label>What goes wrong <select name="kind">{troubles}</select></label>
<label>Provider <select name="provider">{providers}</select></label>
{number_field("How often", "times", 1)}</div>
<div class="row"><label>Model, or any <input name="model" maxlength="100" placeholder="claude-haiku-5-5"></label>
<label>Prompt with, or any <input name="marker" maxlength="1000"></label></div>
<div class="row">{number_field("After tokens", "after_tokens", 10)}
{number_field("Wait, seconds", "seconds", 1, step="any")}
<label>Error status <select name="status">{statuses}</select></label>
<label>Retry-After, seconds <input type="number" min="0" name="retry_after" placeholder="none"></label></div>
<div class="row"><button class="primary">Arm</button></div></form>
{rows}</section>"""


def _armed(fault: dict[str, Any]) -> str:
    kind = Trouble(fault["kind"])
    words = next(kinds[kind] for kinds in TROUBLE_WORDS.values() if kind in kinds)
    if kind is Trouble.STATUS:
        words += f" {fault['status']}"
    where = [_PROVIDERS[fault["provider"]]]
    where += [f"model <code>{html.escape(fault['model'])}</code>"] * bool(fault["model"])
    where += [f"prompts with <code>{html.escape(fault['marker'][:100])}</code>"] * bool(fault["marker"])
    button = button_form("clear-provider-fault", "Forget", {"fault": str(fault["id"])})
    return f'<div class="line"><p>{fault["remaining"]} × {words}: {", ".join(where)}</p>{button}</div>'
