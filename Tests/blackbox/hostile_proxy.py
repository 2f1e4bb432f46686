"""Stands before the simulator and passes everything on, but for what it is told to answer itself: things that no
provider should send, streamed for as long as somebody reads them."""

from __future__ import annotations

import collections
import gzip
import http.client
import http.server
import itertools
import json
import random
import threading
import urllib.parse
from collections.abc import Iterator

GIGABYTE = 1 << 30
CHUNK = 1 << 16


def _head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Type: application/json", *lines, "", ""]).encode()


def _announced(fill: bytes, start: bytes = b"", status: str = "200 OK") -> Iterator[bytes]:
    yield _head(f"Content-Length: {5 * GIGABYTE}", status=status) + start
    yield from itertools.repeat(fill * (CHUNK // len(fill)), 5 * GIGABYTE // CHUNK)


def _chunked(fill: bytes) -> Iterator[bytes]:
    yield _head("Transfer-Encoding: chunked")
    yield from itertools.repeat(b"%x\r\n" % CHUNK + fill * CHUNK + b"\r\n")


def _whole(body: bytes, *lines: str) -> Iterator[bytes]:
    yield _head(f"Content-Length: {len(body)}", *lines) + body


def _endless(start: bytes, line: bytes) -> Iterator[bytes]:
    yield start
    yield from itertools.repeat(line * (CHUNK // len(line)))


def _odd_json() -> bytes:
    ids = {name: [{"a": 1}] for name in ("task_id", "request_id", "job_id", "id", "taskUUID")}
    wrong = ids | {"status": {"a": []}, "progress": "NaN", "results": 7, "output": [None], "data": {"a": [[]]}, "keys": 1,
                   "items": [[]], "balance": {}, "errors": "no", "error": [{}], "model_glb": [1]}  # fmt: skip
    return json.dumps(wrong).encode()


# Those that a reader is given whole, and those that are cut off before.
KINDS = {
    "5 GB, announced": lambda: _announced(b" "),
    "5 GB, announced, of an error": lambda: _announced(b"x", status="503 Service Unavailable"),
    "an endless text in JSON": lambda: _announced(b"A", b'{"status":"'),
    "endless chunks of brackets": lambda: _chunked(b"["),
    "endless chunks of blanks": lambda: _chunked(b" "),
    "endless header lines": lambda: _endless(b"HTTP/1.1 200 OK\r\n", b"X-Filler: aaaaaaaaaaaaaaaaaaaa\r\n"),
    "an endless header": lambda: _endless(b"HTTP/1.1 200 OK\r\nX-Filler: ", b"a"),
    "an endless status line": lambda: _endless(b"HTTP/1.1 200 ", b"O"),
    "endless interim answers": lambda: _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "no HTTP": lambda: _endless(b"", b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a gzip bomb": lambda: _whole(gzip.compress(b" " * (64 << 20)), "Content-Encoding: gzip"),
    "deep JSON": lambda: _whole(b"[" * 1_000_000),
    "deep objects": lambda: _whole(b'{"a":' * 150_000),
    "many values": lambda: _whole(b"[" + b"{}," * 300_000 + b"{}]"),
    "garbage": lambda: _whole(random.Random(7).randbytes(100_000)),
    "wrong types": lambda: _whole(_odd_json()),
    "nothing": lambda: _whole(b""),
    "a bare null": lambda: _whole(b"null"),
    "cut in its head": lambda: iter([b"HTTP/1.1 200 OK\r\nContent-Le"]),
    "cut in its body": lambda: iter([_head("Content-Length: 1000") + b'{"status": "']),
}

# Not in the list: one that lets its providers say more takes it for what it looks like.
LONG = "two megabytes, well-formed"
MORE = {LONG: lambda: _whole(b'{"status":"QUEUED","request_id":"x","task_id":"x"}' + b" " * (2 << 20))}


def route_of(method: str, path: str, body: bytes) -> str:
    path = urllib.parse.urlsplit(path).path
    if path == "/v1":
        kind = json.loads(body)[0]["taskType"]
        return {"3dInference": "submit", "getResponse": "look", "accountManagement": "balance"}[kind]
    if path.startswith("/_assets/"):
        return "asset"
    if path.endswith("/wallet/"):
        return "balance"
    if path.endswith("jwks.json"):
        return "keys"
    if path.endswith("/by-endpoint"):
        return "list"
    if path.endswith("/cancel"):
        return "cancel"
    if method == "POST":
        return "submit"
    return "look" if "status" in path or path.startswith("/v1/jobs/") else "result"


class HostileProxy:
    """`plan(route, kinds)`: the next answers of that route, one of each kind. `sent` has the bytes that were taken of each."""

    def __init__(self, upstream: str):
        self.upstream = upstream.split("//")[1]
        self.planned: dict[str, list[str]] = collections.defaultdict(list)
        self.sent: dict[str, int] = collections.defaultdict(int)
        self.connections: dict[str, set[int]] = collections.defaultdict(set)
        self.requests: dict[str, int] = collections.Counter()
        self.lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                route = route_of(self.command, self.path, body)
                with proxy.lock:
                    proxy.requests[route] += 1
                    proxy.connections[route].add(self.client_address[1])
                    kind = proxy.planned[route].pop(0) if proxy.planned[route] else None
                if kind is None:
                    return self.pass_on(body)
                self.close_connection = True
                try:
                    for piece in (KINDS | MORE)[kind]():
                        self.wfile.write(piece)
                        with proxy.lock:
                            proxy.sent[kind] += len(piece)
                except OSError:
                    pass

            do_GET = do_POST = do_PUT = answer

            def pass_on(self, body: bytes) -> None:
                connection = http.client.HTTPConnection(proxy.upstream, timeout=30)
                # With its own Host: the simulator's addresses then lead back through here.
                connection.request(self.command, self.path, body or None, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                connection.close()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def plan(self, route: str, kinds: list[str]) -> None:
        with self.lock:
            self.planned[route] += kinds

    def left(self) -> int:
        with self.lock:
            return sum(map(len, self.planned.values()))

    def __enter__(self) -> "HostileProxy":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
