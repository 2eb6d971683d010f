"""The audit of dependencies: the real pip-audit and the real bun against stand-ins for OSV and the npm registry."""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parent.parent
KNOWN = {"id": "PYSEC-2099-1", "summary": "It leaks.", "schema_version": "1.4.0"}


class Advisories(BaseHTTPRequestHandler):
    """OSV's ``/v1/query`` and npm's bulk advisories in their published shapes; only what is named is vulnerable."""

    python: dict[str, list[str]]  # package -> versions that mend it, none if there is no fix
    javascript: dict[str, str]  # package -> severity
    silent: bool

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        asked = json.loads(body)
        if self.silent:
            self.send_error(405)
            return
        answer = json.dumps(self._osv(asked) if self.path == "/v1/query" else self._npm(asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _osv(self, asked: dict) -> dict:
        package = asked["package"]
        if package["name"] not in self.python:
            return {}
        events = [{"introduced": "0"}] + [{"fixed": version} for version in self.python[package["name"]]]
        return {
            "vulns": [KNOWN | {"affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]}]
        }

    def _npm(self, asked: dict) -> dict:
        return {
            name: [{"id": 1, "url": "https://example.com/1", "title": "It leaks", "severity": severity,
                    "vulnerable_versions": ">=0", "cwe": [], "cvss": {"score": 8, "vectorString": None}}]
            for name, severity in self.javascript.items() if name in asked
        }  # fmt: skip

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def advisories(
    python: dict[str, list[str]] | None = None, javascript: dict[str, str] | None = None, *, silent: bool = False
) -> Iterator[str]:
    told = {"python": python or {}, "javascript": javascript or {}, "silent": silent}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Told", (Advisories,), told))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def audit(address: str) -> tuple[int, str]:
    run = subprocess.run(
        [sys.executable, "-m", "scripts.audit_dependencies", "-s", "osv", "--osv-url", f"{address}/v1/query"],
        cwd=ROOT,
        env=os.environ | {"NPM_CONFIG_REGISTRY": address},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def test_nothing_known_is_said_with_how_much_was_asked():
    with advisories() as address:
        code, said = audit(address)
    assert code == 0, said
    assert "NOT AUDITED" not in said
    assert "Python packages audited." in said
    assert "The JavaScript packages audited." in said


def test_a_python_package_with_a_known_fault_and_its_fix_fails():
    with advisories(python={"stripe": ["99.1"]}) as address:
        code, said = audit(address)
    assert code == 1
    assert "PYSEC-2099-1, fixed in 99.1" in said


def test_a_fault_that_nobody_has_mended_is_said_and_does_not_fail():
    with advisories(python={"stripe": []}, javascript={"react": "low"}) as address:
        code, said = audit(address)
    assert code == 0, said
    assert "PYSEC-2099-1, no fix yet" in said
    assert "react" in said
    assert "low" in said


def test_a_javascript_package_with_a_grave_fault_fails():
    with advisories(javascript={"react": "high"}) as address:
        code, said = audit(address)
    assert code == 1
    assert "react >=0: high, https://example.com/1" in said


def test_an_index_that_does_not_tell_is_no_clean_audit():
    with advisories(silent=True) as address:
        code, said = audit(address)
    assert code == 0, said
    assert said.count("NOT AUDITED") == 2
    assert "audited." not in said
