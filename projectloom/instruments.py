"""What this process counts for the operator's monitoring. ``GET /metrics`` shows it; nothing is decided from it.

Amounts are whole nano-dollars. A label never holds what a person typed: its values are few and ours. What all servers
share is read from the books instead (:mod:`projectloom.operating.figures`).
"""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800)
# A webhook is handled within seconds, or heals within days.
_LAGS = (1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400, 259_200)

TURNS = Counter("loom_turns", "Replies that ended here.", ["provider", "funding", "completion"])
FIRST_WORD = Histogram(
    "loom_turn_first_word_seconds", "From the call to the provider's first word.", ["provider"], buckets=_SECONDS
)
TURN_SECONDS = Histogram("loom_turn_seconds", "From the call to its end.", ["provider"], buckets=_SECONDS)
SETTLE_SECONDS = Histogram("loom_turn_settle_seconds", "From a call's end to its charge.", buckets=_SECONDS)

CAPTURES_FAILED = Counter("loom_captures_failed", "Times that a reply could not be settled; its hold stands.")
HOLDS_EXPIRED = Counter("loom_holds_expired", "Holds that nobody could resolve in time.")
LOSSES = Counter("loom_house_losses_nanodollars", "What replies cost the house, in nano-dollars.", ["why"])
UNPRICED = Counter("loom_unpriced_refusals", "Requests refused because something has no price.", ["what"])

WEBHOOK_EVENTS = Counter("loom_webhook_events", "Stripe's events by what became of them.", ["outcome"])
WEBHOOK_LAG = Histogram("loom_webhook_lag_seconds", "From Stripe's event to its handling.", buckets=_LAGS)

JOB_RUNS = Counter("loom_job_runs", "Runs of periodic work here.", ["job", "outcome"])
JOB_SUCCESS = Gauge("loom_job_success_timestamp_seconds", "When periodic work last went well here.", ["job"])

DATABASE_TROUBLE = Counter("loom_database_trouble", "Times that the database did not answer.", ["why"])
OUTBOX_GIVEN_UP = Counter("loom_outbox_given_up", "Mails and alerts that were given up.", ["way"])

for _why in ("above_hold", "brought_nothing"):
    LOSSES.labels(_why)
for _what in ("model", "feature"):
    UNPRICED.labels(_what)
for _outcome in ("handled", "set_aside", "refused", "postponed", "forged"):
    WEBHOOK_EVENTS.labels(_outcome)
for _trouble in ("pool", "thread", "database"):
    DATABASE_TROUBLE.labels(_trouble)
for _way in ("mail", "webhook"):
    OUTBOX_GIVEN_UP.labels(_way)
