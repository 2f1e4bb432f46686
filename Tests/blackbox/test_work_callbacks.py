"""Providers that call when a job ends, over real sockets: their word is a reason to look and nothing more. And how
pictures and results travel between the gateway and a provider."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
import time

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callbacks import fal_news, fal_signature, pixazo_news, send
from gateway import closed_port, data_uri, free_port, png
from work_house import Simulator, attempts, money_is_right, postings, until, work_gateway

CALLERS = ["fal", "pixazo", "runware"]
SETTLED = [("hold", 20), ("settle", 20)]


def only(provider: str, **more) -> dict:
    return {"image_url": "https://example.com/chair.png", "provider": provider, "fallback": False} | more


@pytest.fixture(scope="module")
def house():
    """Nobody is looked at before minutes have passed: what ends here ends because somebody called."""
    port = free_port()
    config = {
        "public_url": f"http://127.0.0.1:{port}",
        "polling": {"scale": 1, "shortest": 300, "longest": 600},
        "limits": {"task_deadline": 60},
    }
    with Simulator() as sim, work_gateway({name: sim for name in CALLERS}, config, port=port) as gateway:
        yield gateway, sim


@pytest.fixture
def stuck(house):
    """A job at a provider that never ends by itself."""
    gateway, sim = house

    def make(provider: str) -> tuple[str, dict]:
        sim.fault(provider=provider, fate={"end": "stuck"}, times=1)
        task = gateway.submit(only(provider))
        until(lambda: gateway.status(task)["state"] == "running")
        return task, sim.jobs(provider)[-1]

    return make


@pytest.mark.parametrize("provider", CALLERS)
def test_a_provider_is_given_an_address_for_each_attempt_and_its_call_ends_the_wait(house, provider):
    gateway, sim = house
    began = time.monotonic()
    tasks = [gateway.submit(only(provider)) for _ in range(3)]
    for task in tasks:
        assert gateway.finished(task)["status"] == "FINISHED"
    assert time.monotonic() - began < 25, "nobody was looked at by the clock"
    addresses = [job["webhook"] for job in sim.jobs(provider)]
    assert len(set(addresses)) == len(addresses)
    assert all(address.startswith(f"{gateway.url}/v1/callbacks/{provider}/") for address in addresses)
    # A call is counted when its answer has arrived, which may be after the task has ended.
    until(lambda: sim.count(provider, "webhooks_taken") >= 3, what="every call was taken")
    assert sim.count(provider, "webhooks_refused") == 0
    money_is_right(gateway)


def test_a_call_says_only_that_it_is_time_to_look(house, stuck):
    gateway, sim = house
    task, job = stuck("pixazo")
    looks = job["looks"]
    assert send(job["webhook"], pixazo_news(job["id"], "COMPLETED")) == 204
    until(lambda: sim.jobs("pixazo")[-1]["looks"] > looks)
    assert gateway.status(task)["state"] == "running", "the provider itself says that it is not done"
    sim.control("POST", f"/jobs/pixazo/{job['id']}", {"finish": True})
    assert send(job["webhook"], b"") in (204, 404), "what it says does not matter"
    assert send(job["webhook"], pixazo_news(job["id"], "COMPLETED")) == 204
    assert gateway.finished(task)["status"] == "FINISHED"
    assert postings(gateway, task) == SETTLED


def test_a_guessed_address_is_nobodys(house, stuck):
    gateway, sim = house
    task, job = stuck("pixazo")
    looks = job["looks"]
    token = job["webhook"].rsplit("/", 1)[1]
    wrong = [
        f"/v1/callbacks/pixazo/{'0' * 8}-0000-4000-8000-{'0' * 12}", f"/v1/callbacks/pixazo/{token[:-1]}",
        f"/v1/callbacks/runware/{token}", f"/v1/callbacks/nobody/{token}", "/v1/callbacks/pixazo/%27%20OR%201=1",
    ]  # fmt: skip
    for path in wrong:
        assert send(gateway.url + path, pixazo_news(job["id"], "COMPLETED")) == 404, path
    # The right address, and another job's name.
    assert send(job["webhook"], pixazo_news("another-job", "COMPLETED")) == 404
    assert sim.jobs("pixazo")[-1]["looks"] == looks
    assert gateway.status(task)["state"] == "running"
    assert gateway.post(f"/v1/generation-request/{task}/cancel/").status_code == 200


def test_fals_signature_is_checked_and_a_call_of_yesterday_is_refused(house, stuck):
    gateway, sim = house
    task, job = stuck("fal")
    body, id = fal_news(job["id"]), job["id"]
    looks, keys = job["looks"], sim.count("fal", "keys")
    forged = [
        {},
        fal_signature(id, body, key=Ed25519PrivateKey.generate()),
        fal_signature(id, fal_news(id, "ERROR")),
        fal_signature(id, body, at=time.time() - 3600),
        fal_signature(id, body, at=time.time() + 3600),
        fal_signature(id, body) | {"X-Fal-Webhook-User-Id": "somebody else"},
        fal_signature(id, body) | {"X-Fal-Webhook-Signature": "00" * 64},
        fal_signature(id, body) | {"X-Fal-Webhook-Signature": "none of it is hexadecimal"},
    ]
    for headers in forged:
        assert send(job["webhook"], body, headers) == 404, headers
    # Another job's call, whole and well signed, at this one's address.
    assert send(job["webhook"], fal_news("another-job"), fal_signature("another-job", fal_news("another-job"))) == 404
    assert sim.jobs("fal")[-1]["looks"] == looks, "none of them was worth a look"
    # Calls that came together before this, when no key was known yet, may each have asked for them.
    assert sim.count("fal", "keys") <= keys + 1, "a flood of forged calls is no flood of ours"
    assert send(job["webhook"], body, fal_signature(id, body)) == 204
    until(lambda: sim.jobs("fal")[-1]["looks"] > looks)
    sim.control("POST", f"/jobs/fal/{id}", {"finish": True})
    # The same call again, word for word, any number of times.
    headers = fal_signature(id, body)
    assert {send(job["webhook"], body, headers) for _ in range(20)} == {204}
    assert gateway.finished(task)["status"] == "FINISHED"
    assert {send(job["webhook"], body, headers) for _ in range(5)} <= {204, 404}
    assert postings(gateway, task) == SETTLED
    assert len(attempts(gateway, task)) == 1


def test_polling_goes_on_below_more_slowly_where_calls_were_promised():
    looks = {}
    for calls in (True, False):
        with closed_port() as nobody, Simulator() as sim:
            # Nobody answers at this address: every call is lost.
            config = {"public_url": f"http://127.0.0.1:{nobody}"} if calls else {}
            with work_gateway({"fal": sim}, config) as gateway:
                sim.settings(durations={"fal": 300})
                task = gateway.submit(only("fal"))
                assert gateway.finished(task)["status"] == "FINISHED"
                looks[calls] = sim.count("fal", "look")
    assert 1 <= looks[True] < looks[False] / 2, looks


# Pictures and results


class Shelf(http.server.BaseHTTPRequestHandler):
    """A host on the inside, with one picture."""

    picture = png(salt=3)
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = self.picture if self.path == "/chair.png" else b"<html>not here</html>"
        self.send_response(200 if self.path != "/missing.png" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def shelf():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_picture_sent_in_reaches_a_provider_of_addresses_at_a_signed_one(house):
    gateway, sim = house
    picture = png(salt=9)
    task = gateway.submit({"image": data_uri(picture), "provider": "pixazo", "fallback": False})
    assert gateway.finished(task)["status"] == "FINISHED"
    address = sim.jobs("pixazo")[-1]["input"]["image_url"]
    assert address.startswith(gateway.url + "/v1/inputs/")
    answer = httpx.get(address)
    assert (answer.status_code, answer.content) == (200, picture)
    assert answer.headers["content-type"] == "image/png"
    for wrong in (address.replace("signature=", "signature=0"), address.split("?")[0]):
        assert httpx.get(wrong).status_code in (401, 403, 404)
    other = hashlib.sha256(b"another").hexdigest()
    mine = hashlib.sha256(picture).hexdigest()
    assert httpx.get(address.replace(mine, other)).status_code in (401, 403, 404)


def test_without_public_url_a_provider_of_addresses_is_not_asked_for_pictures_sent_in():
    with Simulator() as sim, work_gateway({"pixazo": sim}) as gateway:
        answer = gateway.post(
            "/v1/3d-models/trellis2/generate/", json={"image": data_uri(), "provider": "pixazo", "fallback": False}
        )
        assert answer.status_code == 400 and "public_url" in answer.text
        assert gateway.get("/v1/wallet/").json()["held"] == 0


def test_inline_inputs_fetch_the_picture_here_and_send_its_bytes(shelf):
    with Simulator() as sim, work_gateway({"fal": sim}, {"inputs": {"inline": True}}) as gateway:
        task = gateway.submit({"image_url": f"{shelf}/chair.png"})
        assert gateway.finished(task)["status"] == "FINISHED"
        sent = sim.jobs("fal")[-1]["input"]["image_url"]
        assert sent == "data:image/png;base64," + base64.b64encode(Shelf.picture).decode()
        for path, code in {"/missing.png": "image_unreachable", "/page.html": "image_invalid"}.items():
            end = gateway.finished(gateway.submit({"image_url": shelf + path}))
            assert (end["status"], end["error"]["code"]) == ("FAILED", code)
        assert sim.count("fal", "bought") == 1
        money_is_right(gateway)


def test_passthrough_gives_out_the_providers_address_and_keeps_nothing():
    with Simulator() as sim, work_gateway({"fal": sim, "3daistudio": sim}, {"assets": {"mode": "passthrough"}}) as gateway:
        sim.settings(requests_per_minute={"3daistudio": None})
        textured = gateway.finished(gateway.submit(only("fal", textures=True)))
        assert textured["status"] == "FINISHED"
        assert textured["results"][0]["asset"].startswith(sim.url + "/_assets/fal/")
        assert sim.count("fal", "asset") == 0, "nobody but the customer fetches it"
        assert attempts(gateway, textured["task_id"])[0]["cost_microdollars"], "what it cost is known all the same"
        # It must be stripped of textures, so it has to come here.
        bare = gateway.finished(gateway.submit(only("fal")))
        assert bare["results"][0]["asset"].startswith(gateway.url.rsplit(":", 1)[0])
        assert sim.count("fal", "asset") == 1
        money_is_right(gateway)
