"""What docs/webhooks.md promises beyond the faults: each sentence of it that a receiver can hold us to."""

from __future__ import annotations

import datetime
import json
import re

import pytest
from standardwebhooks import Webhook

from gateway import ROOT, Gateway, data_uri
from webhook_receiver import ENDPOINTS, Receiver, attempts, deliveries, endpoint, remove, submit, until

DOCS = (ROOT / "docs/webhooks.md").read_text()


@pytest.fixture(scope="module")
def gateway():
    config = {"providers": {"sandbox": {"duration": 0.05}}, "webhooks": {"schedule": [0] + [0.2] * 20}}
    with Gateway(config=config) as running:
        yield running


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def bodies(receiver: Receiver, *kinds: str) -> list[dict]:
    all = [json.loads(body) for _, body in list(receiver.got)]
    return [body for body in all if not kinds or body["type"] in kinds]


def test_the_events_are_those_of_the_table(gateway, receiver):
    table = set(re.findall(r"`([a-z]+(?:\.[a-z]+)?)`", " ".join(l.split("|")[1] for l in DOCS.splitlines() if l.startswith("| `"))))
    table = {name for name in table if "." in name or name == "ping"}
    answer = gateway.post(ENDPOINTS, json={"url": receiver.url, "events": ["task.exploded"]})
    assert answer.status_code in (400, 422) and answer.json()["error"]["param"] == "events"
    allowed = set(re.findall(r"[a-z]+\.[a-z]+", answer.json()["error"]["message"])) - {"task.exploded"}
    assert table == allowed | {"ping"}


def test_every_receiver_gets_the_same_id_and_the_same_bytes_also_when_sent_again(gateway, receiver):
    with Receiver() as second, Receiver() as own:
        made = [endpoint(gateway, one.url, events=["task.finished"]) for one in (receiver, second)]
        task = submit(gateway, webhook_url=own.url)
        until(lambda: bodies(receiver, "task.finished") and bodies(second) and bodies(own, "task.finished"))
        (delivery,) = until(lambda: [d for d in deliveries(gateway, made[0]) if d["state"] == "delivered"])
        again = gateway.post(f"/v1/webhook-deliveries/{delivery['id']}/resend/")
        assert again.status_code == 202
        receiver.wait(2)
        got = receiver.got + second.got + [one for one in own.got if json.loads(one[1])["type"] == "task.finished"]
        assert len(got) == 4
        assert len({headers["webhook-id"] for headers, _ in got}) == 1 and len({body for _, body in got}) == 1
        assert got[0][0]["webhook-id"] == delivery["event_id"] and delivery["task_id"] == task
        remove(gateway, *made)


def test_the_body_is_the_status_with_a_sequence_that_rises_and_the_headers_name_the_submit(gateway, receiver):
    made = endpoint(gateway, receiver.url, events=["task.started", "task.finished"])
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-Id": "order-77", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    task = gateway.submit({"image": data_uri()}, headers=headers)
    receiver.wait(2)
    for sent, body in receiver.got:
        assert sent["x-request-id"] == "order-77" and sent["traceparent"].split("-")[1] == trace
        assert sent["content-type"].startswith("application/json")
        told = json.loads(body)
        assert set(told) == {"type", "timestamp", "data"} and len(body) < 20_000
        assert datetime.datetime.fromisoformat(told["timestamp"]).tzinfo
    shown = gateway.status(task)
    started, finished = bodies(receiver, "task.started")[0]["data"], bodies(receiver, "task.finished")[0]["data"]
    assert started["sequence"] < finished["sequence"] <= shown["sequence"]
    assert (finished["task_id"], finished["status"]) == (task, "FINISHED")
    assert finished.keys() - shown.keys() == set()
    remove(gateway, made)


def test_an_endpoint_hears_what_it_asked_for_and_all_when_it_named_nothing(gateway, receiver):
    with Receiver() as all:
        some, every = endpoint(gateway, receiver.url, events=["task.finished"]), endpoint(gateway, all.url)
        tasks = {submit(gateway) for _ in range(3)}
        until(lambda: len(bodies(all, "task.finished")) == 3 and len(bodies(all, "task.started")) == 3)
        until(lambda: {body["data"]["task_id"] for body in bodies(receiver)} == tasks)
        assert {body["type"] for body in bodies(receiver)} == {"task.finished"}
        remove(gateway, some, every)


def test_a_canceled_task_is_told_as_such(receiver):
    with Gateway(config={"providers": {"sandbox": {"duration": 30}}}) as gateway:
        endpoint(gateway, receiver.url, events=["task.canceled"])
        task = submit(gateway)
        assert gateway.post(f"/v1/generation-request/{task}/cancel/").status_code in (200, 202)
        headers, body = receiver.wait(1)[0]
        assert json.loads(body)["type"] == "task.canceled" and json.loads(body)["data"]["task_id"] == task


def test_a_wallet_that_runs_low_is_told_once_for_each_fall():
    config = {"providers": {"sandbox": {"duration": 0.05}}}
    with Gateway(config=config, credits=130) as gateway, Receiver() as receiver:
        made = endpoint(gateway, receiver.url, events=["wallet.low", "task.finished"])
        gateway.finished(submit(gateway))
        gateway.finished(submit(gateway))
        low = lambda: [one for one in list(receiver.got) if json.loads(one[1])["type"] == "wallet.low"]
        headers, body = until(low)[0]
        assert Webhook(made["secret"]).verify(body, headers)["type"] == "wallet.low"
        receiver.told(submit(gateway))
        # Lower still is no new fall: it would have been noted with the submit, before the end that was told.
        assert sorted(d["type"] for d in deliveries(gateway, made)) == ["task.finished"] * 3 + ["wallet.low"]
        assert len({headers["webhook-id"] for headers, _ in low()}) == 1


def test_an_endpoint_that_fails_for_too_long_is_disabled_and_can_have_what_it_missed():
    config = {
        "providers": {"sandbox": {"duration": 0.05}},
        "webhooks": {"schedule": [0] + [0.2] * 50, "disable_after": 1},
    }
    with Gateway(config=config) as gateway, Receiver() as dead, Receiver() as witness:
        dead.status = 500
        endpoint(gateway, witness.url, events=["endpoint.disabled"])
        made = endpoint(gateway, dead.url, events=["task.finished"])
        begun = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)).isoformat(timespec="seconds")
        first = submit(gateway)
        assert json.loads(witness.wait(1)[0][1])["data"]["endpoint_id"] == made["id"]
        shown = gateway.get(f"{ENDPOINTS}{made['id']}/").json()
        assert shown["enabled"] is False and shown["disabled_reason"] and shown["disabled_reason"] != "gone"
        missed = submit(gateway)
        gateway.finished(missed)
        seen, dead.status = len(dead.got), 200
        assert gateway.post(f"{ENDPOINTS}{made['id']}/enable/").status_code == 200
        since = begun.replace("+00:00", "Z")
        gateway.post(f"{ENDPOINTS}{made['id']}/recover/", json={"since": since})
        until(lambda: {json.loads(body)["data"]["task_id"] for _, body in dead.got[seen:]} == {first, missed})


def test_a_rate_of_its_own_is_kept_and_loses_nothing(gateway, receiver):
    made = endpoint(gateway, receiver.url, events=["task.finished"], requests_per_second=5, concurrency=1)
    tasks = {submit(gateway) for _ in range(16)}
    receiver.wait(16, 60)
    assert {body["data"]["task_id"] for body in bodies(receiver)} == tasks
    assert receiver.times[-1] - receiver.times[0] >= 15 / 5 * 0.9
    remove(gateway, made)


def test_every_try_can_be_read_with_the_first_bytes_of_its_answer(gateway, receiver):
    def refuse(handler):
        text = "Nicht jetzt, später".encode()
        handler.wfile.write(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(text) + text)

    receiver.writes = refuse
    made = endpoint(gateway, receiver.url, events=["task.finished"])
    submit(gateway)
    receiver.wait(2)
    delivery = deliveries(gateway, made)[0]
    first = min(until(lambda: attempts(gateway, delivery)), key=lambda one: one["attempt"])
    assert (first["status"], first["response"], first["outcome"]) == (500, "Nicht jetzt, später", "failed")
    assert first["milliseconds"] >= 0 and first["next_attempt_at"] > first["at"]
    remove(gateway, made)
