"""Webhooks to receivers of every kind: gone, slow, endless, asking to be spared; and what a crash leaves."""

from __future__ import annotations

import datetime
import email.utils
import json
import random
import threading
import time

import httpx
import pytest
from standardwebhooks import Webhook

from gateway import Gateway, closed_port
from webhook_receiver import ENDPOINTS, Receiver, attempts, deliveries, endpoint, first_attempt, remove, submit, until

QUICK = {
    "providers": {"sandbox": {"duration": 0.05, "concurrency": 32}},
    "limits": {"requests_per_minute": 1_000_000, "concurrent_tasks": 10_000},
}


@pytest.fixture(scope="module")
def gateway():
    """Ten tries within about two seconds."""
    config = QUICK | {"webhooks": {"schedule": [0] + [0.2] * 9, "timeout": 2}}
    with Gateway(config=config, log_level="info") as running:
        yield running


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def told_of(gateway: Gateway, message: str, tasks: set[str]) -> list[dict] | None:
    """The log's lines of these tasks, once there are as many as tasks."""
    lines = [line for line in gateway.events(message) if line["task_id"] in tasks]
    return lines if len(lines) >= len(tasks) else None


def test_fault_4_ten_tries_in_vain_and_then_all_is_recovered_under_the_same_ids(gateway, receiver):
    receiver.status = 500
    made = endpoint(gateway, receiver.url, events=["task.finished"])
    begun = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    tasks = {submit(gateway) for _ in range(5)}
    until(lambda: [d["state"] for d in deliveries(gateway, made)] == ["abandoned"] * 5, 60)
    assert len(receiver.got) == 50, "each ten times, and not once more"
    for delivery in deliveries(gateway, made):
        story = sorted(attempts(gateway, delivery), key=lambda one: one["attempt"])
        assert [one["attempt"] for one in story] == list(range(1, 11))
        assert all(one["status"] == 500 for one in story)
        assert [one["outcome"] for one in story] == ["failed"] * 9 + ["abandoned"]
        assert delivery["next_attempt_at"] is None
    missed = {headers["webhook-id"]: body for headers, body in receiver.got}
    assert len(missed) == 5
    # The log names who was not told, twice for each, and not the way to him.
    for message, level, attempt in [("webhook not taken", "info", 1), ("webhook given up", "warning", 10)]:
        # The log gathers its lines for a moment, so they may come after the state that they tell of.
        lines = until(lambda: told_of(gateway, message, tasks))
        assert sorted(line["task_id"] for line in lines) == sorted(tasks)
        for line in lines:
            assert (line["level"], line["attempt"], line["said"]) == (level, attempt, "status 500")
            assert line["endpoint"] == made["id"] and line["webhook_id"] in missed
            assert line["host"] == httpx.URL(receiver.url).netloc.decode()
    receiver.status = 200
    assert gateway.post(f"{ENDPOINTS}{made['id']}/recover/", json={"since": begun}).json()["recovered"] == 5
    again = receiver.wait(55)[50:]
    assert {headers["webhook-id"]: body for headers, body in again} == missed
    assert {json.loads(body)["data"]["task_id"] for _, body in again} == tasks
    until(lambda: {d["state"] for d in deliveries(gateway, made)} == {"delivered"})
    remove(gateway, made)


def test_fault_5_an_acknowledgement_that_is_lost_brings_the_same_id_and_the_same_bytes(gateway, receiver):
    # The receiver reads it all, and its answer never arrives: it closes, or it resets in the middle of a word.
    ways = [lambda handler: None, lambda handler: handler.wfile.write(b"HTTP/1.1 2"), None]
    receiver.writes = ways[0]
    receiver.hook = lambda *_: setattr(receiver, "writes", ways[min(len(receiver.got) - 1, 2)])
    made = endpoint(gateway, receiver.url, events=["task.finished"])
    submit(gateway)
    got = receiver.wait(3)
    until(lambda: deliveries(gateway, made)[0]["state"] == "delivered")
    assert len(receiver.got) == 3
    assert len({headers["webhook-id"] for headers, _ in got}) == 1
    assert len({body for _, body in got}) == 1
    for headers, body in got:
        Webhook(made["secret"]).verify(body, headers)
    remove(gateway, made)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_fault_6_a_redirect_to_an_inner_host_is_not_followed_and_has_failed(gateway, receiver, status):
    with Receiver() as inside:
        receiver.status, receiver.headers = status, {"Location": inside.url}
        made = endpoint(gateway, receiver.url, events=["task.finished"])
        submit(gateway)
        receiver.wait(2)
        tried = first_attempt(gateway, made)
        assert (tried["status"], tried["outcome"]) == (status, "failed")
        assert inside.connections == 0
        remove(gateway, made)


def test_fault_7_a_receiver_that_is_gone_is_disabled_at_once_and_the_others_are_told(gateway, receiver):
    with Receiver() as witness:
        other = endpoint(gateway, witness.url, events=["endpoint.disabled"])
        receiver.status = 410
        made = endpoint(gateway, receiver.url, events=["task.finished"])
        submit(gateway)
        told = Webhook(other["secret"]).verify(*reversed(witness.wait(1)[0]))
        assert told["type"] == "endpoint.disabled" and told["data"]["endpoint_id"] == made["id"]
        shown = gateway.get(f"{ENDPOINTS}{made['id']}/").json()
        assert shown["enabled"] is False and shown["disabled_reason"] == "gone"
        assert len(receiver.got) == 1
        # A third endpoint shows when the next event went out; the one that is gone has no part in it.
        with Receiver() as third:
            last = endpoint(gateway, third.url, events=["task.finished"])
            task = gateway.finished(submit(gateway))["task_id"]
            third.wait(1)
            assert len(receiver.got) == 1
            # Turned on again it gets what comes, and can ask for what it missed.
            receiver.status = 200
            assert gateway.post(f"{ENDPOINTS}{made['id']}/enable/").status_code == 200
            assert gateway.post(f"{ENDPOINTS}{made['id']}/recover/", json={"since": shown["created_at"]}).json()["recovered"] >= 1
            until(lambda: task in {json.loads(body)["data"]["task_id"] for _, body in list(receiver.got)})
            remove(gateway, last)
        remove(gateway, made, other)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_fault_8_a_receiver_that_asks_to_be_spared_is_spared_by_every_delivery(form):
    with Gateway(config=QUICK | {"webhooks": {"schedule": [0, 2, 2, 2]}}, log_level="info") as gateway, Receiver() as receiver:
        made = endpoint(gateway, receiver.url, events=["task.finished"])
        submit(gateway)
        receiver.wait(1)

        def not_now(*_) -> int:
            value = "5" if form == "seconds" else email.utils.formatdate(time.time() + 5, usegmt=True)
            receiver.headers, receiver.hook = {"Retry-After": value}, lambda *_: receiver.headers.clear()
            return 429

        receiver.hook = not_now
        submit(gateway)
        receiver.wait(2)
        slowed = receiver.times[1]
        for _ in range(5):
            submit(gateway)
        receiver.wait(7)
        # Twice the schedule's wait is as long as anyone may slow us; by itself it would have been 2.4 s at most.
        first = receiver.times[2] - slowed
        assert first >= 3.9, f"asked again after {first:.2f} s"
        twice = until(lambda: next((d for d in deliveries(gateway, made) if d["attempts"] == 2), None))
        story = attempts(gateway, twice)
        assert sorted(one["status"] for one in story) == [200, 429]


def test_fault_9_a_receiver_that_drips_is_given_up_at_the_total_timeout(gateway, receiver):
    def drip(handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(100):
                handler.wfile.write(b".")
                handler.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    receiver.writes = drip
    made = endpoint(gateway, receiver.url, events=["task.finished"])
    submit(gateway)
    tried = first_attempt(gateway, made)
    assert (tried["outcome"], tried["error"]) == ("failed", "timeout")
    assert 1900 <= tried["milliseconds"] <= 5000
    remove(gateway, made)


def resident(gateway: Gateway) -> int:
    lines = open(f"/proc/{gateway.pid}/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


@pytest.mark.parametrize("kind", ["endless", "ten gigabytes", "compressed"])
def test_fault_10_an_endless_or_exploding_answer_takes_no_memory(gateway, receiver, kind):
    heads = {
        "endless": b"Transfer-Encoding: chunked\r\n\r\n",
        "ten gigabytes": b"Content-Length: 10000000000\r\n\r\n",
        "compressed": b"Content-Encoding: gzip\r\nContent-Length: 10000000000\r\n\r\n",
    }
    sent = []

    def flood(handler) -> None:
        piece = b"\0" * 65536 if kind != "endless" else b"10000\r\n" + b"x" * 65536 + b"\r\n"
        count = 0
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + heads[kind])
            while count < 10_000_000_000:
                handler.wfile.write(piece)
                count += len(piece)
        except OSError:
            pass
        sent.append(count)

    made = endpoint(gateway, receiver.url, events=["task.finished"])
    gateway.finished(submit(gateway))
    receiver.wait(1)
    before = resident(gateway)
    receiver.writes = flood
    gateway.finished(submit(gateway))
    until(lambda: sent)
    assert sent[0] < 32_000_000, "it was cut off, not read to the end"
    assert resident(gateway) - before < 8 << 20
    remove(gateway, made)


def test_fault_11_a_thousand_deliveries_to_dead_receivers_keep_nobody_else_waiting():
    """A tarpit that takes connections and never answers, and a port where nobody listens."""
    config = QUICK | {"webhooks": {"schedule": [0, 30], "timeout": 60}}
    stop = threading.Event()
    event = lambda got: json.loads(got[1])
    running = Gateway(config=config, log_level="info")
    with running as gateway, Receiver() as healthy, Receiver() as tarpit, closed_port() as nobody:
        tarpit.writes = lambda handler: stop.wait(100)
        for url in (tarpit.url, f"http://127.0.0.1:{nobody}/hook"):
            endpoint(gateway, url, events=["task.started", "task.finished"])
        for _ in range(250):
            submit(gateway)
        # Its share is in the tarpit by now, and the rest of the five hundred waits behind it.
        until(lambda: tarpit.connections > 0)
        endpoint(gateway, healthy.url, events=["task.started", "task.finished"])
        late = {submit(gateway) for _ in range(250)}
        told = lambda kind: {d["task_id"] for t, d in ((e["type"], e["data"]) for e in map(event, list(healthy.got))) if t == kind}
        until(lambda: late <= told("task.started") & told("task.finished"), 50)
        assert tarpit.connections < 500 and len(tarpit.got) < 500, "the dead are waited for still"
        stop.set()


def test_a_ping_shows_the_answer(gateway, receiver):
    receiver.status = 418
    made = endpoint(gateway, receiver.url)
    answer = gateway.post(f"{ENDPOINTS}{made['id']}/test/").json()
    assert answer["status"] == 418 and answer["outcome"] == "failed"
    story = gateway.get(f"/v1/webhook-deliveries/{answer['delivery_id']}/attempts/").json()["items"]
    assert story[0]["status"] == 418
    remove(gateway, made)


def test_fault_15_killed_at_any_moment_every_end_is_told_under_one_id_and_visible_when_it_is_told():
    config = QUICK | {"webhooks": {"schedule": [0] + [0.2] * 20}, "providers": {"sandbox": {"duration": 0.15, "concurrency": 32}}}
    told: dict[str, dict[str, set]] = {}
    lies: list[str] = []
    lock = threading.Lock()
    with Gateway(config=config, log_level="info") as gateway, Receiver() as receiver:

        def look(headers: dict, body: bytes) -> int | None:
            """A receiver that asks at once for what it is told. While the gateway is down it can only say so."""
            event = json.loads(body)
            task = event["data"]["task_id"]
            try:
                with httpx.Client(headers={"Authorization": f"Bearer {gateway.key}"}, trust_env=False, timeout=5) as client:
                    seen = client.get(f"{gateway.url}/v1/generation-request/{task}/status/").json()
            except (httpx.TransportError, ValueError):
                return 503
            with lock:
                if seen.get("status") != "FINISHED" or seen["sequence"] < event["data"]["sequence"]:
                    lies.append(f"told of {event['data']['sequence']}, saw {seen}")
                one = told.setdefault(task, {"ids": set(), "bodies": set()})
                one["ids"].add(headers["webhook-id"])
                one["bodies"].add(body)
            return None

        receiver.hook = look
        endpoint(gateway, receiver.url, events=["task.finished"])
        seed = random.Random(15)
        tasks: set[str] = set()
        for _ in range(12):
            tasks |= {submit(gateway) for _ in range(4)}
            time.sleep(seed.uniform(0.02, 0.4))
            gateway.kill()
            gateway.start()
        for task in tasks:
            assert gateway.finished(task)["status"] == "FINISHED"
        until(lambda: set(told) == tasks, 40, lambda: f"{len(told)} of {len(tasks)} were told")
    assert not lies, lies[:3]
    assert all(len(one["ids"]) == 1 and len(one["bodies"]) == 1 for one in told.values())
    assert len({next(iter(one["ids"])) for one in told.values()}) == len(tasks)
