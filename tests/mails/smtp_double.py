"""A little SMTP server (RFC 5321) on a real port: it keeps what it was sent, and refuses what it is told to."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from socketserver import StreamRequestHandler, ThreadingTCPServer


@dataclass
class SmtpDouble:
    port: int = 0
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    """Each with the recipient of its envelope."""
    logins: list[str] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    """The next answers to a recipient in place of the usual one."""
    goodbye: bytes = b"221 Bye"

    def only(self) -> tuple[str, EmailMessage]:
        (mail,) = self.mails
        return mail


class _Session(StreamRequestHandler):
    double: SmtpDouble

    def handle(self) -> None:
        recipient = ""
        self._say(b"220 double ESMTP")
        while line := self.rfile.readline().strip():
            match line.split(b" ")[0].upper():
                case b"EHLO":
                    self._say(b"250-double", b"250 AUTH PLAIN")
                case b"AUTH":
                    self.double.logins.append(base64.b64decode(line.split(b" ")[2]).decode())
                    self._say(b"235 Welcome")
                case b"RCPT":
                    recipient = line.decode().partition("<")[2].rstrip(">")
                    self._say(self.double.refused.pop(0) if self.double.refused else b"250 OK")
                case b"DATA":
                    self._say(b"354 Go on")
                    self.double.mails.append((recipient, self._message()))
                    self._say(b"250 OK")
                case b"QUIT":
                    self._say(self.double.goodbye)
                    return
                case _:
                    self._say(b"250 OK")

    def _message(self) -> EmailMessage:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        found = message_from_bytes(b"".join(lines), policy=default)
        assert isinstance(found, EmailMessage)
        return found

    def _say(self, *lines: bytes) -> None:
        self.wfile.write(b"".join(line + b"\r\n" for line in lines))


@contextmanager
def smtp_double() -> Iterator[SmtpDouble]:
    double = SmtpDouble()
    session = type("Session", (_Session,), {"double": double})
    with ThreadingTCPServer(("127.0.0.1", 0), session) as server:
        server.daemon_threads = True
        double.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield double
        server.shutdown()
        thread.join()
