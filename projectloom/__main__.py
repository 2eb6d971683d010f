"""The operator's commands: ``python -m projectloom audit``."""

import argparse
import sys

from projectloom.jobs.audit import report, run_audit


def main() -> int:
    """Run one command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m projectloom")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("audit", help="prove every invariant of the books; exits 1 when one is broken")
    parser.parse_args()
    checks = run_audit()
    print(report(checks))
    return 0 if all(check.holds for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
