"""A process that is killed, stopped, or loses the time of day: faults 58 to 60 and 64 to 67."""

from __future__ import annotations

import collections
import http.client
import json
import os
import pathlib
import signal
import struct
import subprocess
import threading
import time

import pytest

from gateway import Gateway, data_uri, free_port
from work_house import PROVIDERS, Simulator, attempts, money_is_right, postings, until, work_gateway

CHAIR = {"image_url": "https://example.com/chair.png"}
REFUNDED = [("hold", 20), ("refund", 20)]
SETTLED = [("hold", 20), ("settle", 20)]


def only(provider: str, **more) -> dict:
    return CHAIR | {"provider": provider, "fallback": False} | more


def test_fault_58_killed_before_the_upstream_could_be_called_it_is_called_once_later():
    sim = Simulator(port=free_port())
    sim.url = f"http://127.0.0.1:{sim.port}"
    with work_gateway({"fal": sim}, {"polling": {"scale": 0.1}}) as gateway:
        task = gateway.submit()
        until(lambda: attempts(gateway, task), what="it was tried, and nobody was there")
        gateway.kill()
        with sim:
            gateway.start()
            assert gateway.finished(task)["status"] == "FINISHED"
            assert sim.count("fal", "submit") == sim.count("fal", "bought") == 1
            assert {a["outcome"] for a in attempts(gateway, task)[:-1]} <= {"refused"}
            money_is_right(gateway)


@pytest.mark.parametrize("is_killed", [True, False], ids=["fault_59_killed", "fault_60_connection_lost"])
@pytest.mark.parametrize("is_called_back", [True, False], ids=["called_back", "not_called"])
def test_accepted_upstream_and_never_heard_of(is_killed: bool, is_called_back: bool):
    """Whatever became of the answer, nobody buys twice: the job is found again, or the money comes back."""
    port = free_port()
    public = {"public_url": f"http://127.0.0.1:{port}"} if is_called_back else {}
    with Simulator() as sim:
        # Long enough for the gateway to be back before the job ends and its provider calls.
        sim.settings(requests_per_minute={name: None for name in PROVIDERS}, durations={name: 100 for name in PROVIDERS})
        calls = {name: {"requests_per_minute": None, "timeout": 20} for name in PROVIDERS}
        with work_gateway({name: sim for name in PROVIDERS}, public | {"providers": calls}, port=port) as gateway:
            fault = {"hang": "after"} if is_killed else {"lose": True}
            # One for each: who asks again soon must not meet what was meant for another's first time.
            for name in PROVIDERS:
                sim.fault(provider=name, route="submit", times=1, **fault)
            tasks = {name: gateway.submit(only(name, cancel_after=5)) for name in PROVIDERS}
            until(lambda: all(sim.count(name, "bought") for name in PROVIDERS))
            if is_killed:
                gateway.kill()
                gateway.start()
            found = {"fal", "runware"} | ({"pixazo"} if is_called_back else set())
            for name, task in tasks.items():
                end = gateway.finished(task)
                assert end["status"] == ("FINISHED" if name in found else "FAILED"), (name, end)
                assert postings(gateway, task) == (SETTLED if name in found else REFUNDED), name
                assert len(attempts(gateway, task)) == 1, name
                if name not in found:
                    assert end["error"]["code"] == "outcome_unknown", name
                    assert attempts(gateway, task)[0]["outcome"] == "unknown", "marked for the operator"
            assert {name: sim.count(name, "bought") for name in PROVIDERS} == dict.fromkeys(PROVIDERS, 1)
            money_is_right(gateway)


def test_a_callback_that_comes_before_the_answer_to_its_own_submit_finds_the_job():
    port = free_port()
    config = {"public_url": f"http://127.0.0.1:{port}", "providers": {"pixazo": {"timeout": 2}}}
    with Simulator() as sim, work_gateway({"pixazo": sim}, config, port=port) as gateway:
        sim.fault(provider="pixazo", route="submit", hang="after", times=1)
        task = gateway.submit(CHAIR | {"cancel_after": 20})
        until(lambda: sim.count("pixazo", "webhooks_taken") == 1)
        assert gateway.status(task)["state"] == "submitting"
        assert gateway.finished(task)["status"] == "FINISHED"
        assert (sim.count("pixazo", "bought"), len(attempts(gateway, task))) == (1, 1)


@pytest.mark.parametrize("stage", ["submit", "asset"])
def test_fault_64_poison_is_given_up_after_a_few_crashes_and_its_neighbours_finish(stage: str):
    with Simulator() as sim:
        config = {"routing": {"max_attempts": 3}, "providers": {"fal": {"timeout": 30}}}
        with work_gateway({"fal": sim, "runware": sim}, config) as gateway:
            sim.fault(provider="fal", route=stage, hang="before", times=None)
            neighbours = [gateway.submit(only("runware"))]
            poison = gateway.submit(only("fal"))
            for crash in range(1, 4):
                # Each time it dies while it has the poison in hand.
                until(lambda: sim.count("fal", stage) >= crash, what=f"crash {crash}")
                gateway.kill()
                gateway.start()
                neighbours.append(gateway.submit(only("runware")))
            end = gateway.finished(poison)
            assert end["status"] == "FAILED", end
            assert end["error"]["code"] == ("too_many_attempts" if stage == "submit" else "result_unusable")
            assert sim.count("fal", stage) == 3
            assert sim.count("fal", "bought") == (0 if stage == "submit" else 1)
            assert postings(gateway, poison) == REFUNDED
            for task in neighbours:
                assert gateway.finished(task)["status"] == "FINISHED"
            assert sim.count("runware", "bought") == len(neighbours)
            money_is_right(gateway)


def test_fault_65_sigterm_under_200_submits_keeps_every_one_that_was_acknowledged():
    limits = {"requests_per_minute": 10_000_000, "concurrent_tasks": 1_000_000}
    with Gateway(config={"limits": limits, "providers": {"sandbox": {"duration": 0.5}}}, log_level="info") as gateway:
        acknowledged: list[str] = []
        body = json.dumps({"image": data_uri()})
        headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}
        busy = threading.Barrier(201)

        def submit() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=40)
            busy.wait()
            try:
                while True:
                    connection.request("POST", "/v1/3d-models/trellis2/generate/", body, headers)
                    answer = connection.getresponse()
                    text = answer.read()
                    if answer.status == 200:
                        acknowledged.append(json.loads(text)["task_id"])
                    else:
                        assert answer.status == 503, text
                        return
            except (OSError, http.client.HTTPException):
                pass

        threads = [threading.Thread(target=submit) for _ in range(200)]
        for thread in threads:
            thread.start()
        busy.wait()
        until(lambda: len(acknowledged) >= 100)
        assert gateway.stop(seconds=30) == 0
        for thread in threads:
            thread.join()
        log = gateway.data / "gateway.db-wal"
        assert not log.exists() or log.stat().st_size == 0
        gateway.start()
        for task in acknowledged:
            assert gateway.status(task)["status"] != "FAILED"
        until(lambda: gateway.get("/v1/wallet/").json()["held"] == 0, 60, "all of them end")
        assert gateway.get("/v1/wallet/").json()["spent"] == 20 * len(acknowledged)
        money_is_right(gateway)


def test_fault_66_stopped_for_a_while_and_continued_it_neither_buys_nor_refunds_twice():
    with Simulator() as sim:
        sim.settings(durations={"fal": 150})
        with work_gateway({"fal": sim}) as gateway:
            sim.fault(provider="fal", route="submit", delay=0.5, times=None)
            tasks = [
                gateway.submit({"image_url": f"https://example.com/{n}.png", "cancel_after": 2 if n % 3 == 0 else 60})
                for n in range(18)
            ]
            until(lambda: sim.count("fal", "bought") >= 6)
            gateway.signal(signal.SIGSTOP)
            # Calls time out, deadlines pass and jobs end meanwhile: that is what is waited for here.
            time.sleep(4)
            gateway.signal(signal.SIGCONT)
            ends = [gateway.finished(task) for task in tasks]
            sold = collections.Counter(job["input"]["image_url"] for job in sim.jobs("fal"))
            assert set(sold.values()) == {1}, sold
            for number, (task, end) in enumerate(zip(tasks, ends)):
                is_late = number % 3 == 0
                assert end["state"] == ("expired" if is_late else "finished"), end
                assert postings(gateway, task) == (REFUNDED if is_late else SETTLED)
            money_is_right(gateway)


@pytest.fixture(scope="module")
def clock_shim(tmp_path_factory) -> pathlib.Path:
    library = tmp_path_factory.mktemp("shim") / "clock_shim.so"
    source = pathlib.Path(__file__).with_name("clock_shim.c")
    subprocess.run(["clang", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


@pytest.mark.parametrize("day", [86_400, -86_400], ids=["a_day_ahead", "a_day_back"])
def test_fault_67_a_clock_that_steps_by_a_day_neither_refunds_early_nor_keeps_a_task_for_ever(clock_shim, tmp_path, day):
    offset = tmp_path / "offset"
    offset.write_bytes(struct.pack("q", 0))
    env = {"LD_PRELOAD": str(clock_shim), "CLOCK_SHIM": str(offset)}
    with Simulator() as sim, work_gateway({"fal": sim, "runware": sim}, env=env) as gateway:
        sim.settings(durations={"fal": 200})
        sim.fault(provider="runware", fate={"end": "stuck"})
        running = gateway.submit(only("fal", cancel_after=60))
        # Its time runs from somewhere in its submit.
        began = time.monotonic()
        stuck = gateway.submit(only("runware", cancel_after=4))
        until(lambda: {gateway.status(task)["state"] for task in (running, stuck)} == {"running"})
        with open(offset, "r+b") as file:
            file.write(struct.pack("q", day))
        assert gateway.cli("version").returncode == 0
        moved = subprocess.run(["date", "+%s"], env=os.environ | env, capture_output=True, text=True, check=True)
        assert abs(int(moved.stdout) - time.time() - day) < 5, "the clock was moved"
        after = gateway.submit(only("fal", cancel_after=60))
        assert gateway.finished(stuck)["state"] == "expired"
        assert 3.5 < time.monotonic() - began < 20, "at its own time, by a clock that does not step"
        for task in (running, after):
            assert gateway.finished(task)["status"] == "FINISHED"
            assert postings(gateway, task) == SETTLED
        assert postings(gateway, stuck) == REFUNDED
        money_is_right(gateway)
