"""A receiver of webhooks as a customer would run one, and what tests do with the gateway's side of it."""

from __future__ import annotations

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable

from gateway import Gateway, data_uri

SUBMIT = "/v1/3d-models/trellis2/generate/"
ENDPOINTS = "/v1/webhook-endpoints/"


class Receiver:
    """Answers what it is told to and keeps what it got: `got` holds headers (names in lower case) and body, `times`
    when each came, `connections` how many were opened, with or without a request on them."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None):
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.times: list[float] = []
        self.connections = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        # Called with headers and body before the answer; may set `status` for this one by returning it.
        self.hook: Callable[[dict[str, str], bytes], int | None] | None = None
        # Writes the whole answer by itself when set.
        self.writes: Callable[[BaseHTTPRequestHandler], None] | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {k.lower(): v for k, v in self.headers.items()}
                outer.times.append(time.monotonic())
                outer.got.append((headers, body))
                status = outer.hook(headers, body) if outer.hook else None
                if outer.writes:
                    self.close_connection = True
                    return outer.writes(self)
                self.send_response(status or outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_CONNECT = do_POST

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def get_request(self):
                connection, peer = super().get_request()
                outer.connections += 1
                return connection, peer

            def handle_error(self, *_):
                pass

        self.server = Server((address, port), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if tls else ''}://{address}:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def wait(self, count: int, seconds: float = 30):
        until(lambda: len(self.got) >= count, seconds, lambda: f"{len(self.got)} of {count} came")
        return self.got

    def told(self, task: str, kind: str = "task.finished", seconds: float = 30) -> tuple[dict[str, str], bytes]:
        """The first delivery of this event; others, of work that goes on, may come before it."""

        def find():
            for headers, body in list(self.got):
                event = json.loads(body)
                if event["type"] == kind and event["data"]["task_id"] == task:
                    return headers, body

        return until(find, seconds, lambda: f"{kind} of {task} is not among the {len(self.got)} that came")

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def until(condition: Callable[[], object], seconds: float = 30, said: Callable[[], str] = lambda: "it never came true"):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, said()
        time.sleep(0.02)
    return value


def submit(gateway: Gateway, **fields) -> str:
    return gateway.submit({"image": data_uri()} | fields)


def endpoint(gateway: Gateway, url: str, **fields) -> dict:
    answer = gateway.post(ENDPOINTS, json={"url": url} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def remove(gateway: Gateway, *made: dict) -> None:
    for one in made:
        assert gateway.request("DELETE", f"{ENDPOINTS}{one['id']}/").status_code == 204


def deliveries(gateway: Gateway, made: dict) -> list[dict]:
    return gateway.get(f"{ENDPOINTS}{made['id']}/deliveries/").json()["items"]


def attempts(gateway: Gateway, delivery: dict) -> list[dict]:
    return gateway.get(f"/v1/webhook-deliveries/{delivery['id']}/attempts/").json()["items"]


def first_attempt(gateway: Gateway, made: dict) -> dict:
    """The first attempt of the endpoint's only delivery, once it is there."""
    tried = until(lambda: next(iter(deliveries(gateway, made)), {}).get("attempts"))
    assert tried >= 1
    return sorted(attempts(gateway, deliveries(gateway, made)[0]), key=lambda one: one["attempt"])[0]
