"""Following one request: its id and its trace lead from the submit to the provider, the webhook and every log line."""

import http.server
import json
import re
import threading
import time

import pytest

from gateway import Gateway, data_uri

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")


class Listener:
    """Keeps the head of every request, answers 503 to a provider's routes and 204 to the rest."""

    def __enter__(self):
        heads = self.heads = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                heads.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                self.send_response(204 if self.path.startswith("/hook") else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def wait(self, prefix: str) -> dict:
        end = time.monotonic() + 30
        while True:
            for path, head in list(self.heads):
                if path.startswith(prefix):
                    return head
            assert time.monotonic() < end, f"nobody came to {prefix}: {self.heads}"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def listener():
    with Listener() as running:
        yield running


@pytest.fixture(scope="module")
def house(listener):
    config = {
        "providers": {
            "empiriolabs": {"enabled": True, "api_key": "key-for-nobody", "base_url": listener.url},
            "sandbox": {"enabled": True, "duration": 0.2},
        },
        "routing": {"order": ["empiriolabs", "sandbox"], "max_attempts": 1},
        "polling": {"scale": 0.01},
        "webhooks": {"schedule": [0, 1]},
        "logging": {"requests_every": 1},
    }
    with Gateway(config) as g:
        yield g


def submit(house, listener, name, headers, **body):
    listener.heads.clear()
    return house.submit({"image": data_uri(), "webhook_url": f"{listener.url}/hook/{name}", **body}, headers=headers)


def test_a_trace_goes_from_the_submit_to_provider_webhook_and_log(house, listener):
    headers = {"X-Request-Id": "ask-7", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "tracestate": "shop=t61rcWkgMzE"}
    task = submit(house, listener, "one", headers, provider="empiriolabs", fallback=False)
    spans = set()
    for place in ("/v1/3d", "/hook/one"):
        head = listener.wait(place)
        assert head["x-request-id"] == "ask-7"
        trace, span, flags = PARENT.fullmatch(head["traceparent"]).groups()
        assert (trace, flags, head["tracestate"]) == (TRACE, "01", "shop=t61rcWkgMzE")
        spans.add(span)
    # Each part of the way has a name of its own, and none is the client's.
    assert len(spans) == 2 and "00f067aa0ba902b7" not in spans and "0" * 16 not in spans
    accepted = next(e for e in house.events("accepted") if e["task_id"] == task)
    assert (accepted["request_id"], accepted["trace_id"]) == ("ask-7", TRACE)
    assert any(e["request_id"] == "ask-7" for e in house.events("request"))
    shown = house.admin("GET", f"/admin/v1/tasks/{task}")
    assert (shown["request_id"], shown["trace_id"]) == ("ask-7", TRACE)
    # And every line about the task says which task.
    assert [e for e in house.events() if e.get("task_id") == task and e["message"] != "accepted"]


def test_without_a_trace_the_task_begins_one(house, listener):
    task = submit(house, listener, "two", {}, provider="sandbox")
    head = listener.wait("/hook/two")
    trace, _, flags = PARENT.fullmatch(head["traceparent"]).groups()
    assert (trace, flags) == (task.replace("-", ""), "00")
    assert "tracestate" not in head
    assert re.fullmatch(r"[0-9a-f]{32}", head["x-request-id"])


@pytest.mark.parametrize(
    "wrong",
    [
        f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01", f"00-{TRACE}-00f067aa0ba902b7-01-more", "00", f"00-{TRACE}", "x" * 55,
    ],
)  # fmt: skip
def test_a_wrong_trace_counts_as_none(house, wrong):
    task = house.submit({"image": data_uri(), "provider": "sandbox"}, headers={"traceparent": wrong, "tracestate": "a=b"})
    assert house.admin("GET", f"/admin/v1/tasks/{task}")["trace_id"] == task.replace("-", "")


def test_a_later_versions_trace_is_understood(house):
    task = house.submit({"image": data_uri()}, headers={"traceparent": f"01-{TRACE}-00f067aa0ba902b7-0b-more"})
    assert house.admin("GET", f"/admin/v1/tasks/{task}")["trace_id"] == TRACE


def test_a_retry_with_the_same_key_is_the_same_request_whatever_its_trace(house):
    body = {"image": data_uri(), "provider": "sandbox"}
    answers = [
        house.post("/v1/3d-models/trellis2/generate/", json=body, headers={
            "Idempotency-Key": "k-1", "traceparent": f"00-{digit * 32}-00f067aa0ba902b7-01"})
        for digit in "12"
    ]  # fmt: skip
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].json()["task_id"] == answers[1].json()["task_id"]
    assert json.loads(answers[0].text) == json.loads(answers[1].text)
