"""Streamed replies through ProjectLoom and through LiteLLM, beside the provider itself: goals P1, P2 and P3.

All are up at once and take turns, round after round, so that whatever else the machine does meets each of them alike.
Afterwards the books must prove clean in full.
"""

import json
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import litellm
from bench.database import Database, postgres
from bench.load import Figures, Target, run_load
from bench.outcome import Goal, Part, Spread, at_least, at_most, ratio, spread
from bench.servers import Server, cores, free_port, mock_provider
from bench.site import MODEL, PEOPLE, Person, Site, running_site
from bench.wire import FIRST_WORD, LAST_WORD

CLIENTS = (1, 8, 32)
DIRECT, ENDPOINT, CHAT, PEER = "provider directly", "ours, `/v1`", "ours, `/api/chat`", f"LiteLLM {litellm.VERSION}"
PROMPT = "Tell me a story."
MAX_TOKENS = 256
WARM_SECONDS = 2.0


@dataclass(slots=True)
class Arm:
    """One of those that are compared."""

    name: str
    target: Target
    server: Server | None
    """None for the mock, which shares its core with the load."""
    rounds: dict[int, list[Figures]] = field(default_factory=dict[int, list[Figures]])
    cpu_ms: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    """For each whole reply."""
    database_ms: dict[int, list[float]] = field(default_factory=dict[int, list[float]])

    def per_second(self, clients: int) -> Spread:
        return spread([figures.per_second for figures in self.rounds[clients]])

    def first_ms(self, clients: int) -> Spread:
        return spread([figures.first_median_ms for figures in self.rounds[clients]])

    def first_p95_ms(self, clients: int) -> Spread:
        return spread([figures.first_p95_ms for figures in self.rounds[clients]])

    @property
    def errors(self) -> list[str]:
        """What went wrong, the first few of it."""
        return [said for level in self.rounds.values() for figures in level for said in figures.said]


def run(workdir: Path, *, quick: bool = False) -> Part:
    """Measure. Raises NotStarted when one of the servers does not come up."""
    rounds, seconds = (1, 3.0) if quick else (3, 6.0)
    part = Part("relay", "python -m bench relay" + (" --quick" if quick else ""))
    with _all_up(workdir, part) as (arms, site, database):
        for number in range(rounds):
            # Another one begins each time: whoever comes first meets a machine that has just rested.
            for arm in arms[number % len(arms) :] + arms[: number % len(arms)]:
                for clients in CLIENTS:
                    _measure(arm, database, clients=clients, seconds=seconds)
        for arm in arms:
            _tell_errors(part, arm)
        part.lines += _table(arms)
        clean, said = site.audit()
        part.lines += ["", f"{rounds} rounds of {seconds:g} s at each number of clients; medians (least–most)."]
        part.lines.append(f"Audit of the books afterwards, in full: {said}")
        part.clean = part.clean and clean
        part.goals = _goals({arm.name: arm for arm in arms})
        part.goals.append(at_most("P7", "memory of one server after the load", site.server.memory_mb(), 200, "MB"))
    return part


@contextmanager
def _all_up(workdir: Path, part: Part) -> Generator[tuple[list[Arm], Site, Database]]:
    measured, other = cores()
    provider_port = free_port()
    with ExitStack() as stack:
        stack.enter_context(mock_provider(provider_port, core=other, log=workdir / "logs" / "provider.log"))
        database = stack.enter_context(postgres(workdir))
        database.pin(other)
        part.lines.append(f"Postgres: {', '.join(f'{name} {value}' for name, value in database.told().items())}.")
        part.lines.append("")
        url = stack.enter_context(database.fresh("loom_relay"))
        site = stack.enter_context(running_site(workdir, database_url=url, provider_port=provider_port, core=measured))
        proxy_url, proxy = stack.enter_context(
            litellm.running_litellm(workdir, provider_port=provider_port, core=measured)
        )
        people = [site.join(f"relay-{number}") for number in range(PEOPLE)]
        arms = [
            Arm(DIRECT, _completion(f"http://127.0.0.1:{provider_port}/v1", ["none"]), None),
            *_ours(site, people, part),
            Arm(PEER, _completion(f"{proxy_url}/v1", [litellm.KEY]), proxy),
        ]
        for arm in arms:
            run_load(arm.target, clients=CLIENTS[-1], seconds=WARM_SECONDS, core=other)
            if arm.server:
                arm.server.await_rest()
        yield arms, site, database


def _ours(site: Site, people: Sequence[Person], part: Part) -> list[Arm]:
    chat = Arm(CHAT, _chat(site.url, [person.session for person in people]), site.server)
    keys = [person.api_key for person in people if person.api_key]
    if len(keys) < len(people):
        part.lines += ["`/v1` is left out: this product makes no API keys.", ""]
        return [chat]
    return [Arm(ENDPOINT, _completion(f"{site.url}/v1", keys), site.server), chat]


def _completion(base: str, keys: Sequence[str]) -> Target:
    asked = {
        "model": MODEL,
        "messages": [{"role": "user", "content": PROMPT}],
        "max_completion_tokens": MAX_TOKENS,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    whole = (LAST_WORD, '"usage"', "[DONE]")
    return Target(f"{base}/chat/completions", json.dumps(asked), tuple(keys), FIRST_WORD, whole, ('"error"',))


def _chat(base: str, sessions: Sequence[str]) -> Target:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}], "maxTokens": MAX_TOKENS}
    # Its stream also ends in order when the reply failed; the finish part comes with the receipt only.
    whole = (LAST_WORD, '"type":"finish"', "[DONE]")
    return Target(f"{base}/api/chat", json.dumps(asked), tuple(sessions), FIRST_WORD, whole, ('"type":"error"',))


def _measure(arm: Arm, database: Database, *, clients: int, seconds: float) -> None:
    _, other = cores()
    cpu, books = (arm.server.cpu_seconds() if arm.server else 0.0), database.cpu_seconds()
    figures = run_load(arm.target, clients=clients, seconds=seconds, core=other)
    arm.rounds.setdefault(clients, []).append(figures)
    if arm.server:
        # What a server does after it answered, settling a reply for one, is a part of that reply's cost, and must not
        # burden whoever is measured next.
        arm.server.await_rest()
    if arm.server and figures.answered:
        arm.cpu_ms.setdefault(clients, []).append((arm.server.cpu_seconds() - cpu) * 1_000 / figures.answered)
        spent = (database.cpu_seconds() - books) * 1_000 / figures.answered
        arm.database_ms.setdefault(clients, []).append(spent)


def _tell_errors(part: Part, arm: Arm) -> None:
    count = sum(figures.errors for level in arm.rounds.values() for figures in level)
    if count:
        part.clean = False
        part.lines += [f"{arm.name}: {count} answers were not whole, such as: `{arm.errors[0]}`", ""]


def _table(arms: Sequence[Arm]) -> list[str]:
    levels = " / ".join(map(str, CLIENTS))
    head = ("req/s", "median ms to the first token", "p95 ms", "CPU ms a reply", "Postgres CPU ms a reply")
    lines = [
        f"| streamed replies, at {levels} clients | {' | '.join(head)} | memory MB | errors |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm in arms:
        cells = [
            " / ".join(f"{arm.per_second(clients):.0f}" for clients in CLIENTS),
            " / ".join(f"{arm.first_ms(clients):.2f}" for clients in CLIENTS),
            " / ".join(f"{arm.first_p95_ms(clients):.1f}" for clients in CLIENTS),
            _costs(arm.cpu_ms),
            "–" if arm.name == PEER else _costs(arm.database_ms),
            f"{arm.server.memory_mb():.0f}" if arm.server else "–",
            str(sum(figures.errors for level in arm.rounds.values() for figures in level)),
        ]
        lines.append(f"| {arm.name} | {' | '.join(cells)} |")
    return lines


def _costs(spent: dict[int, list[float]]) -> str:
    return " / ".join(f"{spread(values):.2f}" for values in spent.values()) or "–"


def _goals(arms: dict[str, Arm]) -> list[Goal]:
    peer, direct = arms[PEER], arms[DIRECT]
    goals: list[Goal] = []
    for name, wanted in ((ENDPOINT, 30), (CHAT, 5)):
        if (ours := arms.get(name)) is not None:
            for clients in CLIENTS[1:]:
                faster = ratio(ours.per_second(clients).median, peer.per_second(clients).median)
                goals.append(at_least("P1", f"{name} at {clients} clients, LiteLLM's req/s", faster, wanted))
    ours = arms.get(ENDPOINT)
    if ours is None:
        return goals
    added = ours.first_ms(1).median - direct.first_ms(1).median
    of_peer = ratio(added, peer.first_ms(1).median - direct.first_ms(1).median)
    goals.append(at_most("P2", "added to the first token at one client", added, 1.5, "ms"))
    goals.append(at_most("P2", "the same, beside what LiteLLM adds", of_peer, 0.1, "×"))
    for clients in CLIENTS:
        cheaper = ratio(spread(peer.cpu_ms[clients]).median, spread(ours.cpu_ms[clients]).median)
        goals.append(at_least("P3", f"LiteLLM's CPU a reply beside ours at {clients} clients", cheaper, 20))
    return goals
