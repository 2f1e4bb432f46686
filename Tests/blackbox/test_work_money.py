"""Money follows the end of a task, whatever befalls it on the way: faults 37 to 41, and 55."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import random
import threading

import pytest

from callbacks import pixazo_news, send
from gateway import Gateway, data_uri, free_port
from work_house import PROVIDERS, Simulator, attempts, money_is_right, postings, reload, until, work_gateway

CHAIR = {"image_url": "https://example.com/chair.png"}
# What providers say when a job fails or is refused, beside what all of them may answer.
WORDS = {
    "3daistudio": ["validation_failed", None],
    "pixazo": [None, "Model not found"],
    "empiriolabs": ["content_policy_violation", "invalid_image", "invalid_request_error", "server_error"],
    "runware": ["inferenceError", "timeoutProvider", "taskCancelled", "invalidParameter"],
    "fal": ["image_load_error", "content_policy_violation", "no_media_generated", "generation_timeout", "client_cancelled"],
}
REFUSALS = [400, 409, 413, 415, 422]


@pytest.fixture(scope="module")
def house():
    """All five providers, none that ever counts as broken, and every task at one of them alone."""
    with Simulator() as sim:
        sim.settings(requests_per_minute={name: None for name in PROVIDERS})
        port = free_port()
        config = {
            "public_url": f"http://127.0.0.1:{port}",
            "routing": {"breaker": {"failures_in_a_row": 100_000, "minimum_answers": 100_000}},
            "providers": {name: {"requests_per_minute": None} for name in PROVIDERS},
        }
        with work_gateway({name: sim for name in PROVIDERS}, config, port=port) as gateway:
            yield gateway, sim


@pytest.fixture
def prices(house):
    """As at first, whatever a test did to them."""
    yield
    reload(house[0], prices={"1024": {"geometry": 20}})


def only(provider: str, **more) -> dict:
    return CHAIR | {"provider": provider, "fallback": False} | more


def test_fault_37_upstream_fails_and_exactly_the_charged_amount_comes_back_once(house, prices):
    gateway, sim = house
    sim.clear()
    before = gateway.get("/v1/wallet/").json()
    tasks = {}
    for provider in PROVIDERS:
        for word in WORDS[provider]:
            fate = {"end": "fails"} | ({"code": word} if word else {})
            sim.fault(provider=provider, fate=fate, times=1)
            tasks[gateway.submit(only(provider))] = f"{provider} fails with {word}"
    for provider in PROVIDERS:
        sold = len(WORDS[provider])
        until(lambda: sim.count(provider, "bought") >= sold, what=f"{provider} has taken {sold} jobs")
    reload(gateway, prices={"1024": {"geometry": 33}})
    for provider in PROVIDERS:
        for status in REFUSALS:
            sim.fault(provider=provider, route="submit", status=status, times=1)
            task = gateway.submit(only(provider))
            tasks[task] = f"{provider} refuses with {status}"
            # One after the other, so that each meets its own refusal.
            until(lambda: attempts(gateway, task) and attempts(gateway, task)[0]["outcome"], what=tasks[task])
    for task, what in tasks.items():
        body = gateway.finished(task)
        price = 20 if "fails" in what else 33
        assert body["status"] == "FAILED", (what, body)
        assert postings(gateway, task) == [("hold", price), ("refund", price)], what
    assert gateway.get("/v1/wallet/").json()["balance"] == before["balance"]
    money_is_right(gateway)


def test_fault_38_a_cancel_that_races_with_success_has_one_end_and_the_money_to_match():
    races, workers = 1000, 16
    rng = random.Random(38)
    config = {"providers": {"sandbox": {"duration": 0.05, "concurrency": 400}}, "polling": {"scale": 0.01}}
    limits = {"limits": {"requests_per_minute": 1_000_000, "concurrent_tasks": 100_000}}
    with Gateway(config=config | limits, log_level="info") as gateway:
        headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}
        local = threading.local()

        def ask(method: str, path: str, body: dict | None = None) -> tuple[int, dict]:
            if not hasattr(local, "connection"):
                local.connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
            local.connection.request(method, path, body and json.dumps(body), headers)
            answer = local.connection.getresponse()
            return answer.status, json.loads(answer.read())

        def race(delay: float) -> tuple[str, int]:
            task = ask("POST", "/v1/3d-models/trellis2/generate/", {"image": data_uri()})[1]["task_id"]
            # However long a job takes on this machine, some cancels come before its end, some after, some with it.
            threading.Event().wait(delay)
            return task, ask("POST", f"/v1/generation-request/{task}/cancel/")[0]

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            outcomes = list(pool.map(race, [rng.uniform(0, 0.3) for _ in range(races)]))
            ends = list(pool.map(lambda o: ask("GET", f"/v1/generation-request/{o[0]}/status/?wait=30")[1], outcomes))
        canceled = [end for (_, code), end in zip(outcomes, ends) if code == 200]
        too_late = [end for (_, code), end in zip(outcomes, ends) if code == 409]
        assert len(canceled) + len(too_late) == races
        assert canceled and too_late, "no race was run"
        assert {end["state"] for end in canceled} == {"canceled"}
        assert {end["state"] for end in too_late} == {"finished"}
        assert gateway.get("/v1/wallet/").json()["spent"] == 20 * len(too_late)
        money_is_right(gateway)


def test_fault_39_callbacks_that_repeat_and_contradict_each_other_resolve_once(house):
    gateway, sim = house
    sim.clear()
    sim.fault(provider="pixazo", fate={"end": "stuck"}, times=1)
    task = gateway.submit(only("pixazo"))
    until(lambda: gateway.status(task)["state"] == "running")
    job = sim.jobs("pixazo")[-1]
    sim.control("POST", f"/jobs/pixazo/{job['id']}", {"finish": True})
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: send(job["webhook"], pixazo_news(job["id"], "COMPLETED")), range(50)))
    answers.append(send(job["webhook"], pixazo_news(job["id"], "FAILED")))
    assert set(answers) == {204}
    assert gateway.finished(task)["status"] == "FINISHED"
    assert send(job["webhook"], pixazo_news(job["id"], "FAILED")) == 204
    assert gateway.status(task)["status"] == "FINISHED"
    assert postings(gateway, task) == [("hold", 20), ("settle", 20)]
    assert [a["outcome"] for a in attempts(gateway, task)] == ["succeeded"]


def test_fault_40_a_success_after_the_refund_changes_nothing(house):
    gateway, sim = house
    sim.clear()
    sim.fault(provider="pixazo", fate={"end": "stuck"}, times=1)
    sim.fault(provider="fal", route="submit", delay=1.5, times=1)
    sim.fault(provider="fal", fate={"end": "stuck"}, times=1)
    reload(gateway, providers={"fal": {"timeout": 5}})
    stuck = gateway.submit(only("pixazo", cancel_after=1))
    slow = gateway.submit(only("fal", cancel_after=1))
    for task in (stuck, slow):
        assert gateway.finished(task)["state"] == "expired"
        assert postings(gateway, task) == [("hold", 20), ("refund", 20)]
    # Now the one finishes and says so, and the other is taken at last.
    job = sim.jobs("pixazo")[-1]
    sim.control("POST", f"/jobs/pixazo/{job['id']}", {"finish": True})
    assert send(job["webhook"], pixazo_news(job["id"], "COMPLETED")) in (204, 404)
    until(lambda: sim.jobs("fal") and sim.jobs("fal")[-1]["canceled"], what="what was taken too late is called off")
    for task in (stuck, slow):
        assert gateway.status(task)["state"] == "expired"
        assert postings(gateway, task) == [("hold", 20), ("refund", 20)]
    assert attempts(gateway, slow)[0]["upstream_id"] == sim.jobs("fal")[-1]["id"], "kept for the operator"
    money_is_right(gateway)


def test_fault_41_a_refund_is_what_was_charged_whatever_prices_say_by_then(house, prices):
    gateway, sim = house
    sim.clear()
    sim.fault(provider="runware", fate={"end": "stuck"}, times=2)
    before = gateway.get("/v1/wallet/").json()["balance"]
    cheap = gateway.submit(only("runware"))
    until(lambda: gateway.status(cheap)["state"] == "running")
    reload(gateway, prices={"1024": {"geometry": 77}})
    dear = gateway.submit(only("runware", number_results=1))
    until(lambda: gateway.status(dear)["state"] == "running")
    reload(gateway, prices={"1024": {"geometry": 5}})
    for task, price in ((cheap, 20), (dear, 77)):
        assert gateway.post(f"/v1/generation-request/{task}/cancel/").status_code == 200
        assert postings(gateway, task) == [("hold", price), ("refund", price)]
    assert gateway.get("/v1/wallet/").json()["balance"] == before
    money_is_right(gateway)


def test_fault_55_an_older_backup_buys_nothing_again():
    names = ["fal", "runware"]
    one_each = {"providers": {name: {"concurrency": 1} for name in names}}
    with Simulator() as sim, work_gateway({name: sim for name in names}, one_each) as gateway:
        sim.settings(durations={name: 400 for name in names})
        running, other = gateway.submit(only("fal")), gateway.submit(only("runware"))
        until(lambda: all(gateway.status(task)["state"] == "running" for task in (running, other)))
        # These two are in the queue when the backup is made, and are bought after it.
        known = gateway.submit(only("runware"))
        unknown = gateway.submit(only("fal"))
        backup = gateway.home / "yesterday.db"
        gateway.cli("backup", str(backup))
        assert [gateway.status(task)["state"] for task in (known, unknown)] == ["queued", "queued"]
        for task in (running, other, known, unknown, gateway.submit(only("fal")), gateway.submit(only("runware"))):
            assert gateway.finished(task)["status"] == "FINISHED"
        sold = {name: sim.count(name, "bought") for name in names}
        assert sold == {"fal": 3, "runware": 3}

        gateway.stop()
        gateway.cli("restore", str(backup))
        gateway.start()
        # What ran is followed to its end; what was queued waits, and nobody can buy.
        assert [gateway.finished(task)["status"] for task in (running, other)] == ["FINISHED", "FINISHED"]
        assert gateway.post("/v1/3d-models/trellis2/generate/", json=CHAIR).status_code == 503
        assert [gateway.status(task)["state"] for task in (known, unknown)] == ["queued", "queued"]
        assert {name: sim.count(name, "bought") for name in names} == sold

        # Runware knows our name for the job, and sells it once. What fal sold, only a person can see: they call it off.
        assert gateway.cli("tasks", "cancel", unknown).returncode == 0
        gateway.cli("release")
        assert gateway.finished(known)["status"] == "FINISHED"
        assert {name: sim.count(name, "bought") for name in names} == sold
        assert postings(gateway, unknown) == [("hold", 20), ("refund", 20)]
        money_is_right(gateway)
