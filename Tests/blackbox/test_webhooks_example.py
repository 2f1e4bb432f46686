"""The receiver in docs/clients takes what the gateway sends and nothing else."""

from __future__ import annotations

import base64
import hmac
import os
import socket
import subprocess
import sys
import time

import httpx
import pytest

from gateway import ROOT, Gateway, free_port
from webhook_receiver import deliveries, endpoint, submit, until

PROGRAM = ROOT / "docs/clients/receive.py"


@pytest.fixture(scope="module")
def gateway():
    config = {"providers": {"sandbox": {"duration": 0.05}}, "webhooks": {"schedule": [0] + [0.2] * 20}}
    with Gateway(config=config) as running:
        yield running


@pytest.fixture
def receiver(gateway, tmp_path):
    """The program, and the endpoint that it is of."""
    port = free_port()
    made = endpoint(gateway, f"http://127.0.0.1:{port}/", events=["task.finished"])
    said = tmp_path / "said"
    with open(said, "w") as output:
        environment = os.environ | {"WEBHOOK_SECRET": made["secret"]}
        program = subprocess.Popen([sys.executable, str(PROGRAM), str(port)], env=environment, stdout=output)
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        yield made, lambda: said.read_text().splitlines()
    finally:
        program.kill()
        program.wait()


def test_it_takes_each_event_once_also_while_a_rotation_overlaps(gateway, receiver):
    made, said = receiver
    ping = gateway.post(f"/v1/webhook-endpoints/{made['id']}/test/").json()
    assert (ping["outcome"], ping["status"]) == ("delivered", 204) and said() == ["ping "]
    task = submit(gateway)
    until(lambda: f"task.finished {task}" in said())
    gateway.post(f"/v1/webhook-endpoints/{made['id']}/rotate/", json={})
    gateway.post(f"/v1/webhook-deliveries/{deliveries(gateway, made)[0]['id']}/resend/")
    until(lambda: deliveries(gateway, made)[0]["attempts"] == 2)
    assert said() == ["ping ", f"task.finished {task}"]
    assert deliveries(gateway, made)[0]["state"] == "delivered"


def test_it_refuses_what_is_unsigned_changed_or_old(gateway, receiver):
    made, said = receiver
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    now = int(time.time())

    def send(body: bytes, moment: int, signed: bytes | None = None, prefix: str = "v1,") -> int:
        content = f"evt.{moment}.".encode() + (body if signed is None else signed)
        signature = prefix + base64.b64encode(hmac.digest(key, content, "sha256")).decode()
        headers = {"webhook-id": "evt", "webhook-timestamp": str(moment), "webhook-signature": signature}
        return httpx.post(made["url"], content=body, headers=headers, trust_env=False).status_code

    body = b'{"type":"task.finished","data":{"task_id":"x"}}'
    assert httpx.post(made["url"], content=body, trust_env=False).status_code == 400
    assert send(body, now, signed=b"{}") == send(body, now - 310) == send(body, now + 310) == 400
    assert send(body, now, prefix="v1a,") == send(body, now, prefix="") == 400
    assert said() == []
    assert send(body, now) == 204 and send(body, now - 10) == 204
    assert said() == ["task.finished x"]
    # Nor is it taken from the gateway when this secret counts no more.
    gateway.post(f"/v1/webhook-endpoints/{made['id']}/rotate/", json={"overlap_seconds": 0})
    assert gateway.post(f"/v1/webhook-endpoints/{made['id']}/test/").json()["status"] == 400


def test_the_page_shows_its_very_lines():
    page = (ROOT / "docs/webhooks.md").read_text()
    shown = page.split("```python\n", 1)[1].split("\n```", 1)[0]
    assert shown.startswith("def verify(") and shown in PROGRAM.read_text()
