"""Upstreams that refuse, talk nonsense or never end (faults 61 to 63), providers that are turned off and on, and accounts
that share them."""

from __future__ import annotations

import datetime
import itertools
import threading

import httpx
import pytest

from gateway import Gateway, data_uri
from work_house import PROVIDERS, Simulator, attempts, money_is_right, postings, reload, until, work_gateway

CHAIR = {"image_url": "https://example.com/chair.png"}
REFUNDED = [("hold", 20), ("refund", 20)]
SETTLED = [("hold", 20), ("settle", 20)]


def only(provider: str, **more) -> dict:
    return CHAIR | {"provider": provider, "fallback": False} | more


def submit_times(sim: Simulator, provider: str) -> list[float]:
    asked = sim.control("GET", f"/requests?provider={provider}")["requests"]
    return [datetime.datetime.fromisoformat(r["at"]).timestamp() for r in asked if r["route"] == "submit"]


def test_fault_61_what_is_refused_clearly_is_tried_again_ever_more_slowly_and_not_for_ever():
    config = {"polling": {"scale": 0.05}, "routing": {"breaker": {"failures_in_a_row": 1000, "minimum_answers": 1000}}}
    with Simulator() as sim, work_gateway({"fal": sim}, config) as gateway:
        sim.fault(provider="fal", route="submit", status=500, times=None)
        task = gateway.submit(only("fal"))
        end = gateway.finished(task)
        assert (end["status"], end["error"]["code"]) == ("FAILED", "too_many_attempts")
        times = submit_times(sim, "fal")
        assert len(times) == 5
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        # Each pause is twice the one before, give or take a fifth: a slow machine makes gaps longer, and never shorter.
        assert all(gap >= 0.05 * 0.8 * 2**number - 0.002 for number, gap in enumerate(gaps)), gaps
        assert postings(gateway, task) == REFUNDED
        assert sim.count("fal", "bought") == 0
        money_is_right(gateway)


def test_fault_61_a_provider_that_is_only_busy_is_waited_for():
    with Simulator() as sim, work_gateway({"fal": sim}) as gateway:
        sim.fault(provider="fal", route="submit", status=429, times=7)
        tasks = [gateway.submit(only("fal")) for _ in range(2)]
        for task in tasks:
            assert gateway.finished(task)["status"] == "FINISHED", "it was refused seven times, and took it then"
        # One that stays busy is not asked without end.
        before = sim.count("fal", "submit")
        sim.fault(provider="fal", route="submit", status=429, times=None)
        end = gateway.finished(gateway.submit(only("fal")))
        assert (end["status"], end["error"]["code"]) == ("FAILED", "queue_timeout"), end
        assert 3 <= sim.count("fal", "submit") - before <= 20
        money_is_right(gateway)


def test_fault_62_garbage_of_any_size_ends_one_task_and_nothing_else():
    config = {"assets": {"model_bytes": 4 << 20}, "providers": {name: {"requests_per_minute": None} for name in PROVIDERS}}
    with Simulator() as sim, work_gateway({name: sim for name in PROVIDERS}, config, log_level="info") as gateway:
        sim.settings(requests_per_minute={name: None for name in PROVIDERS})
        for name in PROVIDERS:
            assert gateway.finished(gateway.submit(only(name)))["status"] == "FINISHED"
        before = gateway.memory_bytes()
        wrongs = [("look", m) for m in ("huge", "endless", "deep", "wrong_types", "list", "null", "garbage", "truncated")]
        wrongs += [("asset", "endless"), ("asset", "huge")]
        for route, mutation in wrongs:
            for name in PROVIDERS:
                sim.fault(provider=name, route=route, mutate=mutation, times=None)
            tasks = [gateway.submit(only(name, cancel_after=2)) for name in PROVIDERS]
            ends = [gateway.finished(task) for task in tasks]
            assert {end["status"] for end in ends} == {"FAILED"}, (route, mutation, ends)
            for task in tasks:
                assert postings(gateway, task) == REFUNDED, (route, mutation)
                assert len(attempts(gateway, task)) == 1
            sim.clear()
        assert gateway.memory_bytes() - before < 256 << 20, "five answers of five gigabytes at a time"
        reload(gateway)  # Breakers begin anew.
        for name in PROVIDERS:
            assert gateway.finished(gateway.submit(only(name)))["status"] == "FINISHED"
        money_is_right(gateway)


def test_fault_63_what_never_ends_upstream_expires_here_is_refunded_and_called_off_there():
    with Simulator() as sim, work_gateway({"fal": sim}) as gateway:
        sim.fault(provider="fal", fate={"end": "stuck"}, times=2)
        task = gateway.submit(only("fal", cancel_after=1))
        end = gateway.finished(task)
        assert (end["status"], end["state"], end["error"]["code"]) == ("FAILED", "expired", "deadline_exceeded")
        assert postings(gateway, task) == REFUNDED
        until(lambda: sim.jobs("fal")[0]["canceled"])
        # Also when the gateway was started anew in between.
        task = gateway.submit(only("fal", cancel_after=3))
        until(lambda: gateway.status(task)["state"] == "running")
        gateway.kill()
        gateway.start()
        assert gateway.finished(task)["state"] == "expired"
        until(lambda: sim.jobs("fal")[1]["canceled"])
        money_is_right(gateway)


@pytest.fixture(scope="module")
def turned():
    """One provider whose jobs last until they are told to end."""
    with Simulator() as sim, work_gateway({"fal": sim, "runware": sim}) as gateway:
        yield gateway, sim


def begin(gateway, sim, count: int = 3) -> list[str]:
    sim.clear()
    sim.fault(provider="fal", fate={"end": "stuck"}, times=count)
    tasks = [gateway.submit(only("fal")) for _ in range(count)]
    until(lambda: all(gateway.status(task)["state"] == "running" for task in tasks))
    return tasks


def end(gateway, sim, tasks: list[str]) -> None:
    """The jobs end, and none of them is lost."""
    for job in sim.jobs("fal"):
        if job["state"] == "running":
            sim.control("POST", f"/jobs/fal/{job['id']}", {"finish": True})
    for task in tasks:
        body = gateway.finished(task)
        assert (body["status"], body["provider"]) == ("FINISHED", "fal")
        assert len(attempts(gateway, task)) == 1
        assert postings(gateway, task) == SETTLED


@pytest.mark.parametrize("way", ["admin", "reload", "reload without its key", "admin and a restart"])
def test_turning_a_provider_off_loses_none_of_its_jobs_and_it_can_be_turned_on_again(turned, way):
    gateway, sim = turned
    tasks = begin(gateway, sim)
    sold = sim.count("fal", "bought")
    before = gateway.config
    if "admin" in way:
        gateway.admin("POST", "/admin/v1/providers/fal/disable")
    elif "key" in way:
        reload(gateway, providers={"fal": {"enabled": False, "api_key": None}})
    else:
        reload(gateway, providers={"fal": {"enabled": False}})
    if "restart" in way:
        gateway.restart()
    # Work that may go elsewhere does, and the provider gets none.
    elsewhere = gateway.finished(gateway.submit(CHAIR))
    assert (elsewhere["status"], elsewhere["provider"]) == ("FINISHED", "runware")
    refused = gateway.post("/v1/3d-models/trellis2/generate/", json=only("fal"))
    if "admin" in way:
        assert refused.status_code == 503 and refused.json()["error"]["code"] == "no_provider_on"
    else:
        assert refused.status_code == 400 and "not enabled" in refused.text
    end(gateway, sim, tasks)
    assert sim.count("fal", "bought") == sold
    # On again.
    if "admin" in way:
        gateway.admin("POST", "/admin/v1/providers/fal/enable")
    else:
        gateway.config = before
        reload(gateway)
    assert gateway.finished(gateway.submit(only("fal")))["status"] == "FINISHED"
    money_is_right(gateway)


def test_one_accounts_thousands_do_not_starve_anothers_one():
    config = {
        "providers": {"sandbox": {"duration": 0.05, "concurrency": 4}},
        "limits": {"requests_per_minute": 1_000_000, "concurrent_tasks": 100_000},
    }
    with Gateway(config=config, log_level="info", credits=10_000_000) as gateway:
        other = gateway.admin("POST", "/admin/v1/accounts", {"name": "small", "credits": 1000})["key"]

        def many() -> None:
            with httpx.Client(headers={"Authorization": f"Bearer {gateway.key}"}, timeout=60) as client:
                for _ in range(625):
                    body = {"number_results": 4, "image": data_uri()}
                    assert client.post(f"{gateway.url}/v1/3d-models/trellis2/generate/", json=body).status_code == 200

        threads = [threading.Thread(target=many) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # 10 000 results of the one are in the queue, and some under way, when the other one asks for its own.
        until(lambda: gateway.get("/v1/wallet/").json()["spent"] > 0)
        for _ in range(3):
            before = gateway.get("/v1/wallet/").json()["spent"]
            small = gateway.submit(key=other)
            end = gateway.finished(small, 60, key=other)
            assert end["status"] == "FINISHED"
            after = gateway.get("/v1/wallet/").json()["spent"]
            assert after - before <= 20 * 60, "at most a few of the thousands went before it"
        assert gateway.get("/v1/wallet/").json()["held"] > 100_000, "the thousands are still there"
