"""Webhooks as a receiver sees them: real requests to a real listener, checked by an independent library."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from gateway import Gateway, png

SUBMIT = "/v1/3d-models/trellis2/generate/"
ENDPOINTS = "/v1/webhook-endpoints/"


class Receiver:
    """Answers what it is told to and keeps what it got."""

    def __init__(self):
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count: int, seconds: float = 20):
        end = time.monotonic() + seconds
        while len(self.got) < count and time.monotonic() < end:
            time.sleep(0.02)
        assert len(self.got) >= count, f"{len(self.got)} of {count} came"
        return self.got

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def gateway():
    config = {"providers": {"sandbox": {"duration": 0.05}}, "webhooks": {"schedule": [0, 0.2, 0.2, 0.2]}}
    with Gateway(config=config) as running:
        yield running


def submit(gateway: Gateway, **fields) -> str:
    picture = "data:image/png;base64," + base64.b64encode(png()).decode()
    answer = gateway.post(SUBMIT, json={"image": picture} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()["task_id"]


def endpoint(gateway: Gateway, receiver: Receiver, **fields) -> dict:
    answer = gateway.post(ENDPOINTS, json={"url": receiver.url} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def remove(gateway: Gateway, made: dict) -> None:
    assert gateway.request("DELETE", f"{ENDPOINTS}{made['id']}/").status_code == 204


def test_fault_1_an_altered_body_is_noticed_and_the_real_one_verifies(gateway, receiver):
    made = endpoint(gateway, receiver, events=["task.finished"])
    task = submit(gateway, metadata={"name": "Stühlchen 椅子"})
    headers, body = receiver.wait(1)[0]
    payload = Webhook(made["secret"]).verify(body, headers)
    assert payload["type"] == "task.finished"
    assert payload["data"]["task_id"] == task and payload["data"]["status"] == "FINISHED"
    assert "." not in headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(body.replace(b"FINISHED", b"FINISHEX"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(body, headers | {"webhook-id": "another"})
    remove(gateway, made)


def test_fault_2_an_old_delivery_is_refused_by_its_time(gateway, receiver):
    made = endpoint(gateway, receiver, events=["task.finished"])
    submit(gateway)
    headers, body = receiver.wait(1)[0]
    old = str(int(headers["webhook-timestamp"]) - 400)
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(body, headers | {"webhook-timestamp": old})
    remove(gateway, made)


def test_fault_3_a_rotated_secret_overlaps_with_the_new_one(gateway, receiver):
    made = endpoint(gateway, receiver, events=["task.finished"])
    rotated = gateway.post(f"{ENDPOINTS}{made['id']}/rotate/", json={"overlap_seconds": 3600}).json()
    assert rotated["secret"] != made["secret"]
    submit(gateway)
    headers, body = receiver.wait(1)[0]
    assert len(headers["webhook-signature"].split()) == 2
    Webhook(rotated["secret"]).verify(body, headers)
    Webhook(made["secret"]).verify(body, headers)
    last = gateway.post(f"{ENDPOINTS}{made['id']}/rotate/", json={"overlap_seconds": 0}).json()
    submit(gateway)
    headers, body = receiver.wait(2)[1]
    Webhook(last["secret"]).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"x" * 32).decode()).verify(body, headers)
    remove(gateway, made)


def test_an_ed25519_endpoint_verifies_with_the_public_key_alone(gateway, receiver):
    made = endpoint(gateway, receiver, events=["task.finished"], scheme="ed25519")
    submit(gateway)
    headers, body = receiver.wait(1)[0]
    scheme, signature = headers["webhook-signature"].split(",")
    assert scheme == "v1a" and made["public_key"].startswith("whpk_")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(made["public_key"][5:]))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key.verify(base64.b64decode(signature), content)
    remove(gateway, made)


def test_fault_5_a_retry_has_the_same_id_and_the_same_bytes(gateway, receiver):
    receiver.status = 500
    made = endpoint(gateway, receiver, events=["task.finished"])
    submit(gateway)
    receiver.wait(3)
    receiver.status = 200
    got = receiver.wait(4)
    assert len({h["webhook-id"] for h, _ in got}) == 1
    assert len({b for _, b in got}) == 1
    for headers, body in got:
        Webhook(made["secret"]).verify(body, headers)
    remove(gateway, made)


def test_fault_6_a_redirect_is_not_followed(gateway, receiver):
    inside = Receiver()
    receiver.status, receiver.headers = 302, {"Location": inside.url}
    made = endpoint(gateway, receiver, events=["task.finished"])
    submit(gateway)
    receiver.wait(2)
    assert inside.got == []
    inside.close()
    remove(gateway, made)


def test_fault_7_a_receiver_that_is_gone_is_disabled_and_the_others_are_told(gateway, receiver):
    witness = Receiver()
    other = endpoint(gateway, witness, events=["endpoint.disabled"])
    receiver.status = 410
    made = endpoint(gateway, receiver, events=["task.finished"])
    submit(gateway)
    headers, body = witness.wait(1)[0]
    told = Webhook(other["secret"]).verify(body, headers)
    assert told["type"] == "endpoint.disabled" and told["data"]["endpoint_id"] == made["id"]
    shown = gateway.get(f"{ENDPOINTS}{made['id']}/").json()
    assert shown["enabled"] is False and shown["disabled_reason"] == "gone"
    before = len(receiver.got)
    gateway.finished(submit(gateway))
    time.sleep(0.3)
    assert len(receiver.got) == before
    witness.close()
    remove(gateway, made)
    remove(gateway, other)


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "ftp://example.com/", "https://u:p@example.com/", "http://10.0.0.1/"])
def test_faults_17_and_23_addresses_that_are_never_called_are_refused_at_once(gateway, url):
    answer = gateway.post(ENDPOINTS, json={"url": url})
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["error"]["param"] == "url"


@pytest.mark.parametrize("headers", [{"webhook-signature": "x"}, {"Host": "x"}, {"X-A": "a\r\nB: c"}, {"X A": "b"}])
def test_faults_13_and_14_headers_that_forge_or_frame_are_refused(gateway, receiver, headers):
    answer = gateway.post(ENDPOINTS, json={"url": receiver.url, "headers": headers})
    assert answer.status_code in (400, 422) and answer.json()["error"]["param"] == "headers"


def test_fault_4_what_was_missed_can_be_recovered_under_the_same_ids(gateway, receiver):
    receiver.status = 500
    made = endpoint(gateway, receiver, events=["task.finished"])
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 5))
    tasks = {submit(gateway) for _ in range(5)}
    receiver.wait(5 * 4)
    missed = {h["webhook-id"] for h, _ in receiver.got}
    assert len(missed) == 5
    receiver.status = 200
    seen = len(receiver.got)
    end = time.monotonic() + 10
    while gateway.post(f"{ENDPOINTS}{made['id']}/recover/", json={"since": begun}).json()["recovered"] != 5:
        assert time.monotonic() < end
        time.sleep(0.1)
    receiver.wait(seen + 5)
    again = receiver.got[seen : seen + 5]
    assert {h["webhook-id"] for h, _ in again} == missed
    assert {json.loads(b)["data"]["task_id"] for _, b in again} == tasks
    remove(gateway, made)


def test_a_tasks_own_address_is_told_with_the_accounts_secret(gateway, receiver):
    secret = gateway.get("/v1/webhook-secret/").json()["secret"]
    task = submit(gateway, webhook_url=receiver.url)
    got = receiver.wait(2)
    kinds = [Webhook(secret).verify(body, headers)["type"] for headers, body in got]
    assert sorted(kinds) == ["task.finished", "task.started"]
    assert all(json.loads(body)["data"]["task_id"] == task for _, body in got)


def test_a_ping_shows_the_answer(gateway, receiver):
    receiver.status = 418
    made = endpoint(gateway, receiver)
    answer = gateway.post(f"{ENDPOINTS}{made['id']}/test/").json()
    assert answer["status"] == 418 and answer["outcome"] == "failed"
    attempts = gateway.get(f"/v1/webhook-deliveries/{answer['delivery_id']}/attempts/").json()["items"]
    assert attempts[0]["status"] == 418
    remove(gateway, made)


def test_fault_15_a_killed_gateway_still_tells_once_under_one_id(receiver):
    config = {"providers": {"sandbox": {"duration": 0.3}}, "webhooks": {"schedule": [0, 0.2, 0.5, 1, 2]}}
    with Gateway(config=config) as gateway:
        made = endpoint(gateway, receiver, events=["task.finished"])
        tasks = set()
        for round in range(4):
            tasks |= {submit(gateway) for _ in range(4)}
            time.sleep(0.1 * (round + 1))
            gateway.kill()
            gateway.start()
        for task in tasks:
            assert gateway.finished(task)["status"] == "FINISHED"
        end = time.monotonic() + 20
        told: dict[str, set[str]] = {}
        while len(told) < len(tasks) and time.monotonic() < end:
            told = {}
            for headers, body in list(receiver.got):
                told.setdefault(json.loads(body)["data"]["task_id"], set()).add(headers["webhook-id"])
            time.sleep(0.05)
        assert set(told) == tasks
        assert all(len(ids) == 1 for ids in told.values())
        assert made["id"]
