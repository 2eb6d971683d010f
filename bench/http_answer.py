"""Reads one HTTP/1.1 answer from bytes as they come, at a cost far below that of whatever is measured with it."""

_HEAD_END = b"\r\n\r\n"
# No head of an answer is longer; a body that is none of ours must not be searched for it without end.
MAX_HEAD_BYTES = 65_536


class BadAnswer(ValueError):
    """What came is no HTTP answer that this reader knows."""


class Answer:
    """One answer: its status and body so far, and whether it has come in full. Feed it until :attr:`ended`."""

    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()
        self.ended = False
        self.closes = False
        """The server ends the connection after this answer."""
        self._raw = b""
        self._chunked = False
        self._left = 0
        # Bytes of a body with a length that are still to come.

    def feed(self, data: bytes) -> None:
        """Take what came. Raises :class:`BadAnswer`."""
        if not self.status:
            data = self._read_head(data)
        if not self.status:
            return
        if self._chunked:
            self._read_chunks(data)
        else:
            self.body += data
            self._left -= len(data)
            self.ended = self._left <= 0

    def _read_head(self, data: bytes) -> bytes:
        self._raw += data
        end = self._raw.find(_HEAD_END)
        if end < 0:
            if len(self._raw) > MAX_HEAD_BYTES:
                raise BadAnswer("a head without an end")
            return b""
        head, rest = self._raw[:end].lower(), self._raw[end + 4 :]
        self._raw = b""
        lines = head.split(b"\r\n")
        if not lines[0].startswith(b"http/1.1 "):
            raise BadAnswer(lines[0][:80].decode("latin-1"))
        self.status = int(lines[0][9:12])
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            match name, value.strip():
                case b"content-length", length:
                    self._left = int(length)
                case b"transfer-encoding", b"chunked":
                    self._chunked = True
                case b"connection", b"close":
                    self.closes = True
                case _:
                    pass
        return rest

    def _read_chunks(self, data: bytes) -> None:
        data = self._raw + data if self._raw else data
        at, size = 0, len(data)
        while True:
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                break
            length = int(data[at:line_end].partition(b";")[0], 16)
            begin = line_end + 2
            if size < begin + length + 2:
                break
            if not length:
                self.ended = True
                return
            self.body += data[begin : begin + length]
            at = begin + length + 2
        self._raw = data[at:]
