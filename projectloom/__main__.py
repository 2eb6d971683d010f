"""The operator's commands: ``python -m projectloom audit | reconcile | grant``."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from projectloom import limits
from projectloom.billing.grants import give
from projectloom.billing.reconcile import reconcile
from projectloom.clock import now
from projectloom.db import engine
from projectloom.errors import LoomError
from projectloom.jobs.audit import report, run_audit


def main() -> int:
    """Run one command; its exit code: 0 when all is well, 1 when somebody must look, 2 when it could not run."""
    arguments = _parser().parse_args()
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except LoomError as error:
        print(error.message, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m projectloom", description=__doc__)
    commands = parser.add_subparsers(required=True)
    audit = commands.add_parser("audit", help="prove every invariant of the books; exits 1 when one is broken")
    audit.set_defaults(command=_audit)
    compare = commands.add_parser("reconcile", help="compare Stripe with the books, heal what can be, report the rest")
    compare.add_argument("--since", type=_moment, help="an ISO date or time, UTC; four days ago unless told otherwise")
    compare.set_defaults(command=_reconcile)
    grant = commands.add_parser("grant", help="give credit to a person, once for the reason")
    grant.add_argument("email")
    grant.add_argument("dollars", type=int, help="whole US dollars")
    grant.add_argument("--reason", required=True, help="the same reason gives the same person nothing more")
    grant.add_argument("--days", type=int, help="after how many days what is left expires; never unless told otherwise")
    grant.set_defaults(command=_grant)
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _audit(_arguments: argparse.Namespace) -> int:
    checks = run_audit()
    print(f"The books: {engine().url.render_as_string(hide_password=True)}")
    print(report(checks))
    return 0 if all(check.holds for check in checks) else 1


def _reconcile(arguments: argparse.Namespace) -> int:
    since = arguments.since or now() - timedelta(days=limits.RECONCILE_DAYS)
    found = asyncio.run(reconcile(since))
    print(found)
    return 1 if found.problems else 0


def _grant(arguments: argparse.Namespace) -> int:
    print(give(arguments.email, arguments.dollars, reason=arguments.reason, days=arguments.days))
    return 0


if __name__ == "__main__":
    sys.exit(main())
