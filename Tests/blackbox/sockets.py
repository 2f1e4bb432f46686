"""Raw HTTP/1.1 over sockets, for tests that say exactly which bytes go out and when."""

from __future__ import annotations

import json
import socket


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"{self.status} {self.headers} {self.body[:200]!r}"


class Client:
    """One connection. `source` is the address it comes from: any of 127.0.0.0/8."""

    def __init__(self, port: int, *, source: str | None = None, timeout: float = 30):
        self.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=timeout, source_address=(source, 0) if source else None
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes | str) -> "Client":
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def _more(self) -> bool:
        data = self.socket.recv(65536)
        self._rest += data
        return bool(data)

    def answer(self, *, head: bool = False) -> Answer:
        """The next answer; `head`: it is one to HEAD and has no body. Raises EOFError when the server closes first."""
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                raise EOFError(f"closed after {self._rest!r}")
        text, self._rest = self._rest.split(b"\r\n\r\n", 1)
        lines = text.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {n.lower(): v.strip() for n, v in (line.split(":", 1) for line in lines[1:])}
        if status < 200:
            return Answer(status, headers, b"")
        length = 0 if head or status in (204, 304) else int(headers["content-length"])
        while len(self._rest) < length:
            if not self._more():
                raise EOFError(f"closed in the body, {len(self._rest)} of {length}")
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(status, headers, body)

    def ask(self, data: bytes | str) -> Answer:
        return self.send(data).answer()

    def rest(self) -> bytes:
        """All that still comes until the server closes; a reset counts as a close."""
        try:
            while self._more():
                pass
        except ConnectionError:
            pass
        return self._rest


def head(method: str, path: str, key: str | None = None, *fields: str) -> str:
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, *fields]) + "\r\n\r\n"


def request(method: str, path: str, key: str | None = None, body: bytes = b"", *fields: str) -> bytes:
    own = ("Content-Type: application/json", f"Content-Length: {len(body)}") if body else ()
    return head(method, path, key, *own, *fields).encode("latin-1") + body
