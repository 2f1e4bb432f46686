"""The server's manners on the wire, against the whole gateway: what a strict engineer would try by hand."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from gateway import Gateway, ROOT, binary, data_uri, png
from sockets import Client, head, request

GENERATE = "/v1/3d-models/trellis2/generate/"
SUBMIT = json.dumps({"image": data_uri()}).encode()
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def calm():
    """A gateway whose tasks stay alive, behind a proxy on 127.0.0.9, that logs each request."""
    config = {
        "providers": {"sandbox": {"duration": 600}},
        "limits": {"requests_per_minute": 100_000},
        "trusted_proxies": ["127.0.0.9/32"],
        "logging": {"requests_every": 1},
    }
    with Gateway(config=config) as running:
        yield running


@pytest.fixture(scope="module")
def status(calm):
    """Of a task about which nothing changes any more."""
    task = calm.submit()
    while not calm.status(task)["checked_at"]:
        time.sleep(0.05)
    return f"/v1/generation-request/{task}/status/"


# Expect: 100-continue (RFC 9110 §10.1.1)


def test_a_body_is_asked_for_only_when_it_will_be_read(calm):
    expect = "Expect: 100-continue"
    length = f"Content-Length: {len(SUBMIT)}"
    with Client(calm.port) as client:
        client.send(head("POST", GENERATE, calm.key, JSON, length, expect))
        assert client.answer().status == 100
        assert client.ask(SUBMIT).status == 200
        # The connection goes on.
        assert client.ask(head("GET", "/healthz")).status == 200
    for fields, expected in [
        ((head("POST", GENERATE, "tgu_wrong", JSON, length, expect)), 401),
        ((head("POST", GENERATE, calm.key, JSON, "Content-Length: 90000000", expect)), 413),
        ((head("POST", "/nowhere", calm.key, JSON, length, expect)), 404),
        ((head("POST", GENERATE, calm.key, "Content-Type: text/plain", length, expect)), 415),
        ((head("POST", GENERATE, calm.key, JSON, length, "Expect: miracles")), 417),
    ]:
        with Client(calm.port) as client:
            answer = client.ask(fields)
            assert answer.status == expected, "no 100 before it"


def test_curl_sends_a_large_picture_with_expect(calm, tmp_path):
    import base64

    picture = png() + os.urandom(2_000_000)
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"image": "data:image/png;base64," + base64.b64encode(picture).decode()}))
    run = subprocess.run(
        ["curl", "-sv", "--max-time", "30", "-H", f"Authorization: Bearer {calm.key}", "-H", JSON, "-H",
         "Expect: 100-continue", "--data-binary", f"@{body}", calm.url + GENERATE],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "100 Continue" in run.stderr, run.stderr
    assert json.loads(run.stdout)["task_id"]


# Refusals that arrive (RFC 9112 §9.6)


def test_a_refusal_is_read_by_a_client_that_is_still_sending(calm):
    for _ in range(10):
        with Client(calm.port) as client:
            client.send(head("POST", GENERATE, calm.key, JSON, "Content-Length: 60000000"))
            # What is on its way when the answer comes must not turn it into a reset.
            for _ in range(64):
                client.send(b"x" * 65536)
            answer = client.answer()
            assert (answer.status, answer.headers["connection"]) == (413, "close")
            assert client.rest() == b""


def test_a_small_unwanted_body_does_not_cost_the_connection(calm):
    with Client(calm.port) as client:
        for _ in range(3):
            answer = client.ask(request("POST", GENERATE, "tgu_wrong", SUBMIT))
            assert answer.status in (401, 429)
            assert answer.headers.get("connection") != "close"
        assert client.ask(head("GET", "/healthz")).status == 200


# Methods, versions, targets


def test_head_is_get_without_the_body(calm, status):
    with Client(calm.port) as client:
        whole = client.ask(head("GET", status, calm.key))
        bare = client.send(head("HEAD", status, calm.key)).answer(head=True)
        after = client.ask(head("GET", status, calm.key))
    assert bare.status == whole.status == after.status == 200
    changing = {"date", "x-request-id"}
    assert {n: v for n, v in bare.headers.items() if n not in changing} == {
        n: v for n, v in whole.headers.items() if n not in changing
    }


def test_an_absolute_target_and_an_old_version_are_understood(calm, status):
    with Client(calm.port) as client:
        absolute = head("GET", f"http://gateway{status}", calm.key)
        assert client.ask(absolute).status == 200
        assert client.ask(head("GET", status, calm.key)).status == 200
        old = f"GET {status} HTTP/1.0\r\nAuthorization: Bearer {calm.key}\r\n\r\n"
        answer = client.ask(old)
        assert answer.status == 200 and answer.headers.get("connection") == "close", answer
        assert client.rest() == b""


def test_an_upgrade_that_is_not_wanted_is_passed_over(calm):
    # Java's own client asks for h2c with its first request, whatever it carries.
    fields = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA")
    with Client(calm.port) as client:
        answer = client.ask(request("POST", GENERATE, calm.key, SUBMIT, *fields))
        assert answer.status == 200
        assert client.ask(head("GET", "/healthz")).status == 200


def test_a_half_closed_client_gets_all_its_answers(calm, status):
    with Client(calm.port) as client:
        client.send(head("GET", status, calm.key) * 5 + head("GET", status + "?wait=1", calm.key))
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.answer().status for _ in range(6)] == [200] * 6
        assert client.rest() == b""


def test_a_request_may_come_a_byte_at_a_time(calm):
    with Client(calm.port) as client:
        for byte in request("POST", GENERATE, calm.key, SUBMIT):
            client.send(bytes([byte]))
        assert client.answer().status == 200


# Draining


def test_sigterm_finishes_what_runs_and_closes_what_rests():
    with Gateway(config={"providers": {"sandbox": {"duration": 600}}}) as g:
        task = g.submit()
        while g.status(task)["status"] != "IN_PROGRESS":
            time.sleep(0.01)
        path = f"/v1/generation-request/{task}/status/"
        resting, waiting, uploading = Client(g.port), Client(g.port), Client(g.port)
        assert resting.ask(head("GET", path, g.key)).status == 200
        # In the middle of a body, which the client goes on sending after the signal.
        uploading.send(head("POST", GENERATE, g.key, JSON, f"Content-Length: {len(SUBMIT)}", "Expect: 100-continue"))
        assert uploading.answer().status == 100
        uploading.send(SUBMIT[:-10])
        # For a change that does not come, whatever the provider tells meanwhile.
        waiting.send(head("GET", path + "?wait=20&after=1000000", g.key))
        # Both have been taken in before the signal: the one was asked for its body, the other is counted.
        end = time.monotonic() + 20
        while g.metrics()["trellis_waiting"] != 1:
            assert time.monotonic() < end, "nobody waits"
            time.sleep(0.01)
        g.signal(signal.SIGTERM)
        assert resting.rest() == b""
        answer = waiting.answer()
        assert answer.status == 200 and answer.headers.get("connection") == "close", answer
        uploading.send(SUBMIT[-10:])
        answer = uploading.answer()
        assert answer.headers["connection"] == "close"
        assert answer.status in (200, 503)
        assert g.process.wait(30) == 0
        with pytest.raises(OSError):
            Client(g.port)


# What the log says


def test_the_access_log_names_the_client_that_a_trusted_proxy_names(calm):
    def logged(name: str) -> dict:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for event in calm.events("request"):
                if event.get("request_id", event.get("request")) == name:
                    return event
            time.sleep(0.01)
        raise AssertionError(f"{name} is not in the log")

    claims = ("X-Forwarded-For: 198.51.100.1, 203.0.113.7",)
    for name, source, fields, client in [
        ("by-proxy", "127.0.0.9", claims, "203.0.113.7"),
        ("by-proxy-rfc", "127.0.0.9", ('Forwarded: for="[2001:db8::1]:4711"',), "2001:db8::1"),
        ("by-nobody", "127.0.0.8", claims, "127.0.0.8"),
    ]:
        with Client(calm.port, source=source) as connection:
            assert connection.ask(head("GET", "/healthz", None, f"X-Request-Id: {name}", *fields)).status == 200
        event = logged(name)
        assert client in event["client"], event
        if source == "127.0.0.9":
            assert "127.0.0.9" not in event["client"]


def test_only_the_customers_listener_is_logged_with_their_address(calm):
    heard = {event["listener"]: event for event in calm.events("listening")}
    assert heard["public"]["url"].startswith("http://")
    assert "url" not in heard["control"]


# Witnesses


@pytest.mark.parametrize(
    "options",
    [["-H", "-i", "2"], ["-B", "-i", "2", "-s", "8192"], ["-X", "-w", "10", "-y", "20", "-n", "2", "-z", "32", "-k", "3"]],
    ids=["slow heads", "slow bodies", "slow reading"],
)
def test_slowhttptest_finds_the_service_available_throughout(options):
    program = shutil.which("slowhttptest")
    assert program, "slowhttptest is missing: make witnesses"
    # All of it comes from one address, which is what the limit by address is for; here it would answer for us.
    with Gateway(config={"limits": {"connections_per_address": 5000}}) as g:
        run = subprocess.run(
            [program, "-c", "400", "-r", "200", "-l", "6", "-p", "5", *options, "-u", g.url + "/openapi.json"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        plain = re.sub(r"\x1b\[[0-9;]*[mHJ]", "", run.stdout)
        states = re.findall(r"service available:\s+(\w+)", plain)
        assert states and set(states) == {"YES"}, (states, plain[-2000:])
        assert g.get("/healthz").status_code == 200


def test_the_example_is_twenty_lines_and_serves():
    source = pathlib.Path(ROOT) / "examples/hello/main.swift"
    code = [line for line in source.read_text().splitlines() if line.strip() and not line.startswith("//")]
    assert len(code) <= 20
    process = subprocess.Popen([binary("hello"), "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline().split()[-1])
        with Client(port) as client:
            assert client.ask(head("GET", "/you")).body == b"Hello from /you\n"
    finally:
        process.terminate()
        process.wait(10)
