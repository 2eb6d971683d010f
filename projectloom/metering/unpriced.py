"""What was refused because it has no price: counted, and told the operator where it may be a new model."""

import re
from contextlib import suppress

from projectloom import limits
from projectloom.clock import now
from projectloom.db import transaction
from projectloom.errors import DatabaseUnavailable, InvalidInput, LoomError, UnknownModel
from projectloom.instruments import UNPRICED
from projectloom.mails.alerts import alert

# How the providers name theirs. Whatever else somebody asks for is not news.
_LIKELY = re.compile(r"(?:claude|gpt|chatgpt|o\d|text-embedding)-[a-z0-9.:-]{1,60}")


class _Told:
    """What was told on its day: once a model is enough, and a refusal is not to cost a transaction each time."""

    day = ""
    models = frozenset[str]()


def note_unpriced(refusal: LoomError, model: str | None) -> None:
    """Count a refusal if it is one for want of a price."""
    if isinstance(refusal, UnknownModel):
        UNPRICED.labels("model").inc()
        if model is not None and _LIKELY.fullmatch(model):
            _tell(model)
    elif isinstance(refusal, InvalidInput) and refusal.data.get("unpriced"):
        UNPRICED.labels("feature").inc()


def _tell(model: str) -> None:
    today = f"{now():%Y-%m-%d}"
    told = _Told.models if _Told.day == today else frozenset[str]()
    if model in told or len(told) >= limits.UNPRICED_TOLD_A_DAY:
        return
    words = (
        f"{model} was asked for and refused, as it is not on the price card. If it is new, update ProjectLoom or "
        f"propose a price list. Of at most {limits.UNPRICED_TOLD_A_DAY} such models you are told in a day; all are "
        "counted."
    )
    with suppress(DatabaseUnavailable):
        with transaction() as session:
            alert(
                session, key=f"unpriced:{model}:{today}", subject="A model without a price was asked for", words=words
            )
        _Told.day, _Told.models = today, told | {model}
