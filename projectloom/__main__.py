"""The operator's commands: ``python -m projectloom doctor | audit | reconcile | grant | confirm | prices | keys …``."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from projectloom import limits
from projectloom.billing.codes import make_code
from projectloom.billing.grants import give
from projectloom.billing.reconcile import reconcile
from projectloom.clock import now
from projectloom.db import engine
from projectloom.errors import LoomError
from projectloom.jobs import price_lists, usage_lists
from projectloom.jobs.audit import report
from projectloom.jobs.doctor import doctor
from projectloom.metering.price_changes import markup_of
from projectloom.operating.audit import audit
from projectloom.workspace.account_links import confirm_by_hand
from projectloom.workspace.key_rotation import rotate_keys

_GRANT_USAGE = """python -m projectloom grant EMAIL DOLLARS --reason REASON [--days DAYS]
       python -m projectloom grant --code [CODE] DOLLARS [--uses PEOPLE] [--days DAYS] [--until DATE]"""


def main() -> int:
    """Run one command; its exit code: 0 when all is well, 1 when somebody must look, 2 when it could not run."""
    makes_code = any(word.partition("=")[0] == "--code" for word in sys.argv[1:])
    arguments = _parser(makes_code=makes_code).parse_args()
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except LoomError as error:
        print(error.message, file=sys.stderr)
        return 2


def _parser(*, makes_code: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m projectloom", description=__doc__)
    commands = parser.add_subparsers(required=True)
    looks = commands.add_parser("doctor", help="check all that a server needs; exits 1 when something must be mended")
    looks.add_argument("--json", action="store_true", help="for a program")
    looks.set_defaults(command=_doctor)
    proofs = commands.add_parser("audit", help="prove every invariant of the books; exits 1 when one is broken")
    proofs.add_argument(
        "--full", action="store_true", help="read everything again, not only what was touched since the last audit"
    )
    proofs.set_defaults(command=_audit)
    compare = commands.add_parser("reconcile", help="compare Stripe with the books, heal what can be, report the rest")
    compare.add_argument("--since", type=_moment, help="an ISO date or time, UTC; four days ago unless told otherwise")
    compare.set_defaults(command=_reconcile)
    grant = commands.add_parser(
        "grant",
        help="give credit to a person, once for the reason; with --code make a code that people redeem",
        usage=_GRANT_USAGE,
    )
    (_add_code_form if makes_code else _add_person_form)(grant)
    grant.add_argument(
        "--days", type=_count, help="after how many days what is left expires; never unless told otherwise"
    )
    confirm = commands.add_parser("confirm", help="take an account's e-mail as confirmed, where no mails are sent")
    confirm.add_argument("email")
    confirm.add_argument(
        "--keep-password",
        action="store_true",
        help="where it is certain that the account was made by its owner",
    )
    confirm.set_defaults(command=_confirm)
    _add_prices(commands.add_parser("prices", help="what replies are charged: propose, compare and apply price lists"))
    _add_usage(commands.add_parser("usage", help="list the replies that somebody should look at"))
    keys = commands.add_parser("keys", help="the provider keys that people keep here").add_subparsers(required=True)
    rotate = keys.add_parser("rotate", help="seal them under the SECRET_KEY of now; exits 1 when some cannot be opened")
    rotate.set_defaults(command=_rotate_keys)
    return parser


def _add_person_form(grant: argparse.ArgumentParser) -> None:
    grant.add_argument("email")
    grant.add_argument("dollars", type=_dollars, help="whole US dollars")
    grant.add_argument("--reason", required=True, help="the same reason gives the same person nothing more")
    # For the help alone: where it is given, the form below is read.
    grant.add_argument("--code", nargs="?", help="make a promotional code instead (grant --code --help says more)")
    grant.set_defaults(command=_grant)


def _add_code_form(grant: argparse.ArgumentParser) -> None:
    grant.add_argument("dollars", type=_dollars, nargs="?", help="whole US dollars for each person")
    grant.add_argument("--code", nargs="?", help="8 to 40 letters, digits and '-'; made up where none is named")
    grant.add_argument(
        "--uses", type=_count, default=1, help="how many people can redeem it; one unless told otherwise"
    )
    grant.add_argument("--until", type=_end, help="the last day (UTC) or the moment until which it can be redeemed")
    grant.set_defaults(command=_make_code, refuse=grant.error)


def _add_prices(prices: argparse.ArgumentParser) -> None:
    actions = prices.add_subparsers(required=True)
    propose = actions.add_parser("propose", help="propose the installed prices, or a file's; nothing comes into force")
    propose.add_argument("--markup", type=_percent, help="per cent on top; PRICE_MARKUP_PERCENT unless told otherwise")
    propose.add_argument("--from", type=Path, dest="file", metavar="FILE.json", help="a price card as JSON")
    propose.set_defaults(command=lambda told: _say(price_lists.propose(markup_percent=told.markup, file=told.file)))
    diff = actions.add_parser("diff", help="what a proposal would change, the latest one unless told otherwise")
    diff.add_argument("proposal", type=int, nargs="?")
    diff.set_defaults(command=lambda told: _say(price_lists.diff(told.proposal)))
    apply = actions.add_parser("apply", help="put a proposal in force, the latest one unless told otherwise")
    apply.add_argument("proposal", type=int, nargs="?")
    apply.add_argument("--at", type=_moment, help="an ISO time to come, UTC unless it says otherwise; now without it")
    apply.add_argument("--force", action="store_true", help="also a proposal that is older than the newest version")
    apply.set_defaults(command=lambda told: _say(price_lists.apply(told.proposal, at=told.at, force=told.force)))
    versions = actions.add_parser("list", help="the versions with their times, and the proposals")
    versions.set_defaults(command=lambda _: _say(price_lists.overview()))


def _add_usage(usage: argparse.ArgumentParser) -> None:
    which = usage.add_mutually_exclusive_group(required=True)
    which.add_argument("--flagged", action="store_true", help="those whose provider's report contradicts itself")
    which.add_argument("--losses", action="store_true", help="those that cost the house: what nobody was charged for")
    usage.add_argument("--since", type=_moment, help="an ISO date or time, UTC; all unless told otherwise")
    usage.set_defaults(
        command=lambda told: _say((usage_lists.losses if told.losses else usage_lists.flagged)(told.since))
    )


def _percent(text: str) -> Decimal:
    try:
        return markup_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _say(words: str) -> int:
    print(words)
    return 0


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _doctor(arguments: argparse.Namespace) -> int:
    says, healthy = doctor(as_program=arguments.json)
    print(says)
    return 0 if healthy else 1


def _audit(arguments: argparse.Namespace) -> int:
    found = audit(full=arguments.full)
    print(f"The books: {engine().url.render_as_string(hide_password=True)}")
    print(f"Read what was touched since {found.since:%Y-%m-%d %H:%M} UTC." if found.since else "Read everything.")
    print(report(found.checks))
    return 0 if found.holds else 1


def _reconcile(arguments: argparse.Namespace) -> int:
    since = arguments.since or now() - timedelta(days=limits.RECONCILE_DAYS)
    found = asyncio.run(reconcile(since))
    print(found)
    return 1 if found.problems else 0


def _grant(arguments: argparse.Namespace) -> int:
    print(give(arguments.email, arguments.dollars, reason=arguments.reason, days=arguments.days))
    return 0


def _confirm(arguments: argparse.Namespace) -> int:
    password = confirm_by_hand(arguments.email, keep_password=arguments.keep_password)
    says = f"{arguments.email} is confirmed. Where that is new, sessions, access keys and provider keys have ended."
    if password is not None:
        says += f"\nAnybody may have made the account, so its password is another now: {password}"
        says += "\nIt is shown once. Sign in with it and choose your own, in the settings under Profile."
    return _say(says)


def _make_code(arguments: argparse.Namespace) -> int:
    code: str | None = arguments.code
    dollars: int | None = arguments.dollars
    if dollars is None and code and code.isdecimal() and len(code) < limits.MIN_CODE_CHARS:
        # `grant --code 5`: too short for a code, so it is the dollars, and the code is made up.
        code, dollars = None, int(code)
    if dollars is None:
        return arguments.refuse("say how many dollars each person is given")
    print(make_code(dollars, code=code, uses=arguments.uses, credit_days=arguments.days, until=arguments.until))
    return 0


def _rotate_keys(_: argparse.Namespace) -> int:
    found = rotate_keys()
    print(found)
    return 1 if found.left else 0


def _dollars(text: str) -> int:
    return _whole(text, "a whole number of US dollars, such as 5; cents cannot be given")


def _count(text: str) -> int:
    return _whole(text, "a whole number, such as 30")


def _whole(text: str, expected: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}") from None


def _end(text: str) -> datetime:
    """A day with all of its hours, or a moment."""
    try:
        moment = _moment(text)
        return moment + timedelta(days=1) if len(text) <= len("2026-11-01") else moment
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no day or time like 2026-11-01 or 2026-11-01T12:30") from None


if __name__ == "__main__":
    sys.exit(main())
