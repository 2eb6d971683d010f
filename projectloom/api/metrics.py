"""Figures as Prometheus reads them: https://prometheus.io/docs/instrumenting/exposition_formats/."""

import time
from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from projectloom import limits
from projectloom.db import in_watch_thread, pool_use
from projectloom.errors import DatabaseUnavailable
from projectloom.operating.figures import Counting, Figures, read_figures

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Shared(Collector):
    """The figures of the last look, which is made anew at most as often as the named limit says."""

    def __init__(self) -> None:
        self._looked: float | None = None
        self._figures: Figures | None = None

    async def look(self) -> None:
        """Read the figures unless they are fresh."""
        if self._looked is not None and time.monotonic() - self._looked < limits.FIGURES_FRESH_SECONDS:
            return
        try:
            self._figures = await in_watch_thread(read_figures)
        except DatabaseUnavailable:
            self._figures = None
        self._looked = time.monotonic()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Everything as gauges; where the database does not answer, only that."""
        up = self._figures is not None
        yield GaugeMetricFamily("loom_database_up", "Whether the database answered at the last look.", value=int(up))
        used, size = pool_use()
        pool = GaugeMetricFamily("loom_pool_connections", "Connections of this process's pool.", labels=["state"])
        pool.add_metric(["in_use"], used)
        pool.add_metric(["most"], size)
        yield pool
        if self._figures is not None:
            yield from _families(self._figures)


def _families(figures: Figures) -> Iterator[GaugeMetricFamily]:
    for name, what, waiting in (
        ("loom_holds_open", "holds", figures.holds),
        ("loom_turns_open", "replies that are being written", figures.turns),
        ("loom_webhook_backlog", "events of Stripe's that wait to be handled again", figures.inbox),
        ("loom_outbox_backlog", "mails and alerts that wait to be sent", figures.outbox),
    ):
        yield GaugeMetricFamily(name, f"Number of {what}.", value=waiting.count)
        yield GaugeMetricFamily(
            f"{name}_oldest_seconds", f"Age of the oldest of the {what}.", value=waiting.oldest_seconds
        )
    yield GaugeMetricFamily(
        "loom_turns_abandoned", "Open replies that no process vouches for.", value=figures.abandoned
    )
    debt = figures.found_by(Counting.DEBT)
    yield GaugeMetricFamily("loom_debt_nanodollars", "What people owe, as last counted.", value=debt or 0)
    losses = figures.found_by(Counting.LOSSES)
    yield GaugeMetricFamily(
        "loom_house_losses_today_nanodollars", "What replies cost the house today.", value=losses or 0
    )
    drift = GaugeMetricFamily("loom_reconcile_problems", "What the last comparison could not heal.", labels=["job"])
    for job in (Counting.RECONCILE, Counting.RECONCILE_WIDELY):
        drift.add_metric([job], figures.found_by(job) or 0)
    yield drift
    age = GaugeMetricFamily("loom_leased_job_age_seconds", "Since a leased job last went well.", labels=["job"])
    failures = GaugeMetricFamily("loom_leased_job_failures", "Failures since a leased job went well.", labels=["job"])
    for run in figures.jobs:
        if run.done_seconds is not None:
            age.add_metric([run.name], run.done_seconds)
        failures.add_metric([run.name], run.failures)
    yield age
    yield failures


_shared = _Shared()
_registry = CollectorRegistry()
_registry.register(_shared)


async def exposition() -> bytes:
    """Everything that there is to know, in Prometheus' text format."""
    await _shared.look()
    return generate_latest(REGISTRY) + generate_latest(_registry)
