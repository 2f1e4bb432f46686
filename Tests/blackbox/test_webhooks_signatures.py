"""What a receiver can know of a delivery by itself, with the libraries it would use: the specification's own, Svix's,
and bare Ed25519."""

from __future__ import annotations

import base64
import datetime
import json
import threading
import time
import uuid

import httpx
import pytest
import standardwebhooks
import svix.webhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway import Gateway
from webhook_receiver import ENDPOINTS, Receiver, endpoint, remove, submit

UNDONE = (standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError, InvalidSignature)


class Ed25519:
    """As the specification has it for `v1a`, in a few lines of another's cryptography."""

    def __init__(self, public_key: str):
        assert public_key.startswith("whpk_")
        self.key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key[5:]))

    def verify(self, body: bytes, headers: dict[str, str]) -> dict:
        if abs(datetime.datetime.now().timestamp() - int(headers["webhook-timestamp"])) > 300:
            raise InvalidSignature
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        for one in headers["webhook-signature"].split():
            scheme, signature = one.split(",", 1)
            if scheme != "v1a":
                continue
            try:
                self.key.verify(base64.b64decode(signature), content)
                return json.loads(body)
            except (InvalidSignature, ValueError):
                continue
        raise InvalidSignature


def verifiers(made: dict) -> list:
    """Everyone who can verify what this endpoint gets."""
    if "public_key" in made:
        return [Ed25519(made["public_key"])]
    return [standardwebhooks.Webhook(made["secret"]), svix.webhooks.Webhook(made["secret"])]


def accept(made: dict, headers: dict, body: bytes) -> dict:
    payloads = [one.verify(body, headers) for one in verifiers(made)]
    return payloads[0] or json.loads(body)


def reject(made: dict, headers: dict, body: bytes) -> None:
    for one in verifiers(made):
        with pytest.raises(UNDONE):
            one.verify(body, headers)


def flipped(body: bytes, place: int) -> bytes:
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


@pytest.fixture(scope="module")
def gateway():
    config = {
        "providers": {"sandbox": {"duration": 0.05, "concurrency": 32}},
        "limits": {"requests_per_minute": 1_000_000, "concurrent_tasks": 10_000},
    }
    with Gateway(config=config, log_level="info") as running:
        yield running


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(params=["hmac", "ed25519"])
def signed(request, gateway, receiver):
    """An endpoint, and the headers and body of one delivery to it."""
    made = endpoint(gateway, receiver.url, events=["task.finished"], scheme=request.param)
    task = submit(gateway, metadata={"name": "Stühlchen 椅子"})
    headers, body = receiver.told(task)
    payload = accept(made, headers, body)
    assert payload["type"] == "task.finished"
    assert payload["data"]["task_id"] == task and payload["data"]["status"] == "FINISHED"
    assert payload["data"]["metadata"] == {"name": "Stühlchen 椅子"}
    yield made, headers, body
    remove(gateway, made)


def test_fault_1_a_body_altered_anywhere_is_noticed_by_every_library(signed):
    made, headers, body = signed
    for place in range(0, len(body), max(1, len(body) // 40)):
        reject(made, headers, flipped(body, place))
    reject(made, headers, body + b" ")
    reject(made, headers, body[:-1])
    reject(made, headers, json.dumps(json.loads(body)).encode() + b"\n")


def test_fault_1_what_is_signed_beside_the_body_cannot_be_changed_either(signed, gateway, receiver):
    made, headers, body = signed
    assert "." not in headers["webhook-id"]
    reject(made, headers | {"webhook-id": str(uuid.uuid4())}, body)
    reject(made, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, body)
    scheme, signature = headers["webhook-signature"].split(",", 1)
    raw = base64.b64decode(signature)
    for bad in (flipped(raw, 0), flipped(raw, len(raw) - 1), raw[:-1], b""):
        reject(made, headers | {"webhook-signature": f"{scheme},{base64.b64encode(bad).decode()}"}, body)
    reject(made, headers | {"webhook-signature": f"v9,{signature}"}, body)
    other = endpoint(gateway, receiver.url, events=["task.failed"], scheme="ed25519" if scheme == "v1a" else "hmac")
    assert other["secret"] != made["secret"]
    reject(other, headers, body)
    remove(gateway, other)


def test_fault_2_a_delivery_kept_and_sent_again_later_is_refused_by_its_time(signed):
    made, headers, body = signed
    for shift in (-360, 360):
        reject(made, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + shift)}, body)


def test_fault_2_an_honest_signature_of_six_minutes_ago_is_refused(gateway, receiver):
    made = endpoint(gateway, receiver.url, events=["task.finished"])
    headers, body = receiver.told(submit(gateway))
    old = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=6)
    for library in (standardwebhooks, svix.webhooks):
        wrote = library.Webhook(made["secret"]).sign(headers["webhook-id"], old, body.decode())
        late = headers | {"webhook-timestamp": str(int(old.timestamp())), "webhook-signature": wrote}
        reject(made, late, body)
    # And the library's own signature of now is the gateway's: the same bytes were signed.
    at = datetime.datetime.fromtimestamp(int(headers["webhook-timestamp"]), datetime.timezone.utc)
    wrote = standardwebhooks.Webhook(made["secret"]).sign(headers["webhook-id"], at, body.decode())
    assert wrote == headers["webhook-signature"]
    remove(gateway, made)


def test_fault_3_a_leaked_secret_is_replaced_during_500_deliveries_and_none_is_missed(gateway, receiver):
    made = endpoint(gateway, receiver.url, events=["task.started", "task.finished"])
    began = threading.Event()

    def all_of_them() -> None:
        for number in range(250):
            if number == 80:
                began.set()
            tasks.add(submit(gateway))

    tasks: set[str] = set()
    customer = threading.Thread(target=all_of_them)
    customer.start()
    assert began.wait(30)
    rotate = f"{ENDPOINTS}{made['id']}/rotate/"
    # A client of its own: the customer's thread has the other.
    with httpx.Client(headers={"Authorization": f"Bearer {gateway.key}"}, trust_env=False) as client:
        new = client.post(gateway.url + rotate, json={"overlap_seconds": 3600}).json()
        assert new["secret"] != made["secret"]
        customer.join()
        got = [receiver.told(task, kind) for task in tasks for kind in ("task.started", "task.finished")]
        double = 0
        for headers, body in got:
            # A receiver that knows only the old secret, and one that knows only the new one since the rotation.
            accept(made, headers, body)
            if len(headers["webhook-signature"].split()) == 2:
                double += 1
                accept(new, headers, body)
        assert len(got) == 500 and 0 < double < 500, "some went before, some after"
        last = client.post(gateway.url + rotate, json={"overlap_seconds": 0}).json()
    # Without an overlap every secret before it ends, also the first, whose hour is not over.
    headers, body = receiver.told(submit(gateway))
    accept(last, headers, body)
    reject(new, headers, body)
    reject(made, headers, body)
    remove(gateway, made)


def test_fault_3_when_the_overlap_is_over_the_old_secret_proves_nothing(gateway, receiver):
    made = endpoint(gateway, receiver.url, events=["task.finished"])
    new = gateway.post(f"{ENDPOINTS}{made['id']}/rotate/", json={"overlap_seconds": 1}).json()
    time.sleep(1.1)
    headers, body = receiver.told(submit(gateway))
    accept(new, headers, body)
    reject(made, headers, body)
    remove(gateway, made)


def test_a_rotation_to_ed25519_signs_with_both_until_the_overlap_ends(gateway, receiver):
    made = endpoint(gateway, receiver.url, events=["task.finished"])
    new = gateway.post(f"{ENDPOINTS}{made['id']}/rotate/", json={"overlap_seconds": 60, "scheme": "ed25519"}).json()
    headers, body = receiver.told(submit(gateway))
    accept(made, headers, body)
    accept(new, headers, body)
    reject(new, headers, body + b" ")
    remove(gateway, made)


def test_a_tasks_own_address_is_told_with_the_accounts_secret(gateway, receiver):
    secret = gateway.get("/v1/webhook-secret/").json()
    task = submit(gateway, webhook_url=receiver.url)
    got = receiver.wait(2)
    kinds = [accept(secret, headers, body)["type"] for headers, body in got]
    assert sorted(kinds) == ["task.finished", "task.started"]
    assert all(json.loads(body)["data"]["task_id"] == task for _, body in got)
    for headers, body in got:
        reject(secret, headers, body + b" ")
