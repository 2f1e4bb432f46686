"""Providers that call back, and providers behind TLS whose authority is not the system's: the real binary on one side,
the simulator on the other, https between them."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import queue
import threading
import time

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from authority import Authority
from gateway import free_port
from work_house import PROVIDERS, Simulator, attempts, money_is_right, work_gateway

PICTURE = "https://example.com/chair.png"
CALLING = ["fal", "runware", "pixazo"]
# The key that the simulator signs with unless told otherwise: RFC 8032 §7.1, test 1.
TEST_KEY = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def sim(authority: Authority):
    tls = ("--listen-tls", "127.0.0.1:0", "--certificate", authority.certificate, "--key", authority.key)
    with Simulator(more=tls) as running:
        running.settings(requests_per_minute={"3daistudio": None, "empiriolabs": None})
        yield running


def https_config(sim: Simulator, ca: str | None) -> dict:
    return {
        "network": {"http": False, "ca_bundle": ca},
        "providers": {
            p: {"base_url": sim.tls_url, "timeout": 30}
            | ({"requests_per_minute": None} if p in ("3daistudio", "empiriolabs") else {})
            for p in PROVIDERS
        },
    }


@pytest.fixture(scope="module")
def patient(sim: Simulator, authority: Authority):
    """Looks as rarely as it would at a real provider, so only a call can tell it soon that a job is done."""
    port = free_port()
    config = https_config(sim, authority.ca) | {
        "listen": f"127.0.0.1:{port}", "public_url": f"http://127.0.0.1:{port}", "polling": {"scale": 1}
    }  # fmt: skip
    with work_gateway(dict.fromkeys(PROVIDERS, sim), config) as gateway:
        yield gateway


def wait_for(what, seconds: float = 20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


@pytest.mark.parametrize("provider", CALLING)
def test_a_call_ends_a_job_long_before_the_first_look(sim: Simulator, patient, provider: str):
    start = time.monotonic()
    task = patient.submit({"provider": provider, "image_url": PICTURE, "textures": True})
    status = patient.finished(task, 15)
    assert status["status"] == "FINISHED", status
    assert time.monotonic() - start < 15, "the first look would have been after twenty seconds at least"
    job = sim.jobs(provider)[-1]
    assert job["webhook"].startswith(f"{patient.url}/v1/callbacks/{provider}/")
    assert job["looks"] == 1, "a call is a hint to look, and never more"
    # A call is counted when its answer has arrived, which may be after the task has ended.
    wait_for(lambda: sim.count(provider, "webhooks_taken") >= 1)


def test_a_call_about_a_failure_is_a_refund(sim: Simulator, patient):
    for provider in CALLING:
        wallet = patient.get("/v1/wallet/").json()
        sim.fault(provider=provider, fate={"end": "fails", "message": "The mesh came out empty."})
        status = patient.finished(patient.submit({"provider": provider, "image_url": PICTURE}), 15)
        assert status["status"] == "FAILED", (provider, status)
        after = patient.get("/v1/wallet/").json()
        assert (after["balance"], after["held"]) == (wallet["balance"], 0)


def signed(url: str, body: bytes, request: str, *, key: bytes = TEST_KEY, at: float | None = None, shown: bytes | None = None) -> httpx.Response:
    """A call as fal makes it; `shown` is another body than the one that was signed."""
    at = str(int(at if at is not None else time.time()))
    message = f"{request}\nuser-1\n{at}\n{hashlib.sha256(body).hexdigest()}".encode()
    signature = Ed25519PrivateKey.from_private_bytes(key).sign(message).hex()
    headers = {
        "X-Fal-Webhook-Request-Id": request, "X-Fal-Webhook-User-Id": "user-1", "X-Fal-Webhook-Timestamp": at,
        "X-Fal-Webhook-Signature": signature, "Content-Type": "application/json",
    }  # fmt: skip
    return httpx.post(url, content=shown if shown is not None else body, headers=headers, trust_env=False, timeout=30)


def test_fault_16_forged_calls_are_nothing(sim: Simulator, patient):
    """Early, forged, stale and foreign calls: not one look comes of them. A good one, even twice, is one hint each."""
    sim.fault(provider="fal", fate={"end": "stuck"})
    task = patient.submit({"provider": "fal", "image_url": PICTURE})
    job = wait_for(lambda: next((j for j in sim.jobs("fal") if j["webhook"] and j["state"] in ("waiting", "running")), None))
    wait_for(lambda: patient.status(task)["state"] == "running")
    url, request = job["webhook"], job["id"]
    body = json.dumps({"request_id": request, "gateway_request_id": "gw", "status": "OK", "payload": None}).encode()
    other = json.dumps({"request_id": "another", "status": "OK", "payload": None}).encode()
    forged = [
        httpx.post(url, content=body, trust_env=False, timeout=30),
        signed(url, body, request, key=b"\1" * 32),
        signed(url, body, request, at=time.time() - 3600),
        signed(url, body, request, at=time.time() + 3600),
        signed(url, body, request, shown=body.replace(b"OK", b"ERROR")),
        signed(url, other, "another"),
        signed(url, b"", request),
        signed(url, b"[" * 100_000, request),
        signed(url.rsplit("/", 1)[0] + "/00000000-0000-4000-8000-000000000000", body, request),
        signed(url.replace("/fal/", "/runware/"), body, request),
    ]
    assert {answer.status_code for answer in forged} <= {204, 404}, [f"{a.status_code} {a.text}" for a in forged]
    assert forged[-2].status_code == forged[-1].status_code == 404
    looks = lambda: next(j for j in sim.jobs("fal") if j["id"] == request)["looks"]  # noqa: E731
    assert looks() == 0
    assert signed(url, body, request).status_code == 204
    wait_for(lambda: looks() == 1)
    sim.control("POST", f"/jobs/fal/{request}", {"finish": True})
    assert patient.finished(task, 15)["status"] == "FINISHED"
    # And when it has long ended, a hundred times, in both senses: neither the task nor the money moves.
    wallet, shown = patient.get("/v1/wallet/").json(), patient.status(task)
    failed = body.replace(b'"OK"', b'"ERROR"')
    answers = {signed(url, told, request).status_code for _ in range(50) for told in (body, failed)}
    assert answers <= {204, 404, 429}
    assert patient.status(task) == shown and shown["status"] == "FINISHED"
    assert patient.get("/v1/wallet/").json() == wallet
    assert sim.count("fal", "keys") <= 2, "a flood of forged calls is no flood of ours"
    assert len(attempts(patient, task)) == 1


@pytest.mark.parametrize("provider", CALLING)
def test_calls_that_come_early_and_twice(sim: Simulator, patient, provider: str):
    sim.fault(provider=provider, fate={"end": "stuck"})
    wallet = patient.get("/v1/wallet/").json()
    task = patient.submit({"provider": provider, "image_url": PICTURE})
    job = wait_for(lambda: next((j for j in sim.jobs(provider) if j["state"] == "running"), None))
    wait_for(lambda: patient.status(task)["state"] == "running")
    looks = lambda: next(j for j in sim.jobs(provider) if j["id"] == job["id"])["looks"]  # noqa: E731
    sim.control("POST", f"/jobs/{provider}/{job['id']}", {"announce": True})
    wait_for(lambda: looks() >= 1)
    # It said that it was done; a look showed that it was not.
    assert patient.status(task)["state"] == "running"
    sim.control("POST", f"/jobs/{provider}/{job['id']}", {"finish": True, "announce": True})
    sim.control("POST", f"/jobs/{provider}/{job['id']}", {"announce": True})
    status = patient.finished(task, 15)
    assert (status["status"], status["attempts"], len(status["results"])) == ("FINISHED", 1, 1)
    after = patient.get("/v1/wallet/").json()
    assert (after["spent"] - wallet["spent"], after["held"]) == (status["credits"], 0)


def test_the_books_are_right_in_the_end(patient):
    money_is_right(patient)


def test_every_provider_over_tls(sim: Simulator, authority: Authority):
    with work_gateway(dict.fromkeys(PROVIDERS, sim), https_config(sim, authority.ca)) as gateway:
        tasks = {p: gateway.submit({"provider": p, "image_url": PICTURE, "textures": True}) for p in PROVIDERS}
        for provider, task in tasks.items():
            status = gateway.finished(task)
            assert (status["status"], status["provider"]) == ("FINISHED", provider), status
            assert gateway.get(status["results"][0]["asset"]).content.startswith(b"glTF")


def test_a_certificate_nobody_vouches_for_is_told_nothing(sim: Simulator):
    before = {p: sim.count(p, "requests") for p in PROVIDERS}
    config = https_config(sim, None) | {"limits": {"task_deadline": 30}, "routing": {"max_attempts": 2}}
    with work_gateway(dict.fromkeys(PROVIDERS, sim), config) as gateway:
        task = gateway.submit({"provider": "fal", "image_url": PICTURE})
        status = gateway.finished(task)
        assert (status["status"], status["credits"]) == ("FAILED", 0)
        assert {a["fault"] for a in attempts(gateway, task)} == {"tls_error"}
        run = gateway.cli("providers", "test", "runware", check=False)
        assert run.returncode == 1 and "certificate" in run.stdout
    assert {p: sim.count(p, "requests") for p in PROVIDERS} == before


# What the simulator itself sends, seen by somebody who is not the gateway.


class Receiver:
    """Takes calls; refuses as many as told first."""

    def __init__(self, refusing: int = 0):
        self.calls: queue.Queue = queue.Queue()
        left = [refusing]
        calls = self.calls

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                calls.put((dict(self.headers), body))
                self.send_response(500 if left[0] > 0 else 200)
                left[0] -= 1
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/call?a=1"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def bought(sim: Simulator, path: str, key: dict, body, **rest) -> dict:
    answer = sim.http.post(sim.url + path, headers=key, json=body, **rest)
    assert answer.status_code < 300, answer.text
    return answer.json()


def test_the_simulated_fal_signs(sim: Simulator):
    with Receiver(refusing=2) as receiver:
        given = bought(
            sim, "/fal-ai/trellis-2", {"Authorization": "Key k"}, {"image_url": PICTURE, "resolution": 512},
            params={"fal_webhook": receiver.url},
        )  # fmt: skip
        seen = [receiver.calls.get(timeout=20) for _ in range(3)]
    assert len({body for _, body in seen}) == 1, "a call that was refused comes again, the same"
    keys = sim.http.get(sim.url + "/.well-known/jwks.json").json()["keys"]
    assert {(k["kty"], k["crv"]) for k in keys} == {("OKP", "Ed25519")}
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(keys[0]["x"] + "=="))
    assert public == Ed25519PrivateKey.from_private_bytes(TEST_KEY).public_key()
    headers, body = seen[-1]
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["x-fal-webhook-request-id"] == given["request_id"]
    assert abs(int(headers["x-fal-webhook-timestamp"]) - time.time()) < 60
    lines = [headers[f"x-fal-webhook-{name}"] for name in ("request-id", "user-id", "timestamp")]
    message = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
    signature = bytes.fromhex(headers["x-fal-webhook-signature"])
    public.verify(signature, message)
    with pytest.raises(InvalidSignature):
        public.verify(signature, message + b" ")
    told = json.loads(body)
    assert told["status"] == "OK" and told["request_id"] == given["request_id"]
    assert told["payload"]["model_glb"]["url"].endswith(tuple("0123456789abcdef"))


def test_the_simulated_runware_calls_once_a_result(sim: Simulator):
    task = {
        "taskType": "3dInference", "taskUUID": "7b1f6c1e-53d4-4c6f-9a57-9d1f3c0e7a42", "model": "microsoft:trellis-2@4b",
        "inputs": {"image": PICTURE}, "numberResults": 3, "settings": {"resolution": 512},
    }  # fmt: skip
    with Receiver() as receiver:
        bought(sim, "/v1", {"Authorization": "Bearer k"}, [task | {"webhookURL": receiver.url}])
        calls = [json.loads(receiver.calls.get(timeout=20)[1]) for _ in range(3)]
    # The bare task, no `data` around it; a seed each.
    assert {call["resultIndex"] for call in calls} == {0, 1, 2}
    assert len({call["seed"] for call in calls}) == 3
    assert {(c["taskType"], c["taskUUID"], c["status"]) for c in calls} == {("3dInference", task["taskUUID"], "success")}


def test_the_simulated_pixazo_calls_where_its_header_says(sim: Simulator):
    with Receiver() as receiver:
        sim.fault(provider="pixazo", fate={"end": "fails"})
        key = {"Ocp-Apim-Subscription-Key": "k", "X-Webhook-URL": receiver.url}
        given = bought(sim, "/trellis-2-image-to-3d/v1/trellis-2-image-to-3d-request", key, {"image_url": PICTURE})
        _, body = receiver.calls.get(timeout=20)
    told = json.loads(body)
    assert (told["request_id"], told["status"], told["output"]) == (given["request_id"], "ERROR", None)
    assert told["error"]
