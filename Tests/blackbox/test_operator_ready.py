"""`/readyz` and `health` say what is wrong, each thing by its name; statistics add up; a reload under load."""

import http.client
import json
import signal
import sqlite3
import threading
import time

import httpx
import pytest

from gateway import Gateway, data_uri
from work_house import Simulator, work_gateway


def until(question, seconds: float = 30):
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)
    return answer


def problems(g: Gateway) -> list[str]:
    """As `/readyz`, `health` and the metrics say it; all three must agree."""
    answer = g.get("/readyz", key=None)
    found = answer.json()["problems"]
    assert answer.status_code == (503 if found else 200)
    assert all(len(p["message"]) > 10 for p in found)
    health = g.cli("health", check=False)
    assert health.returncode == (1 if found else 0)
    # A figure in a message may have changed meanwhile; what it is about has not.
    assert all(p["check"] in health.stdout and p["message"][-20:] in health.stdout for p in found)
    values = g.metrics()
    checks = {name.split('"')[1]: v for name, v in values.items() if name.startswith("trellis_problem{")}
    assert {c for c, v in checks.items() if v == 1} == {p["check"] for p in found}
    assert set(checks) == {"store", "disk", "providers", "ledger", "draining"}
    return [p["check"] for p in found]


def test_ready_and_then_without_a_provider(gateway):
    assert problems(gateway) == []
    gateway.cli("providers", "disable", "sandbox")
    assert problems(gateway) == ["providers"]
    # Whoever reads the log in the morning was not asking at night.
    told = until(lambda: gateway.events("not ready"))
    assert [(line["level"], line["check"], line["why"]) for line in told] == [("error", "providers", "no provider is enabled")]
    # An operator's word outlives a restart.
    gateway.restart()
    assert problems(gateway) == ["providers"]
    gateway.cli("providers", "enable", "sandbox")
    assert problems(gateway) == []
    until(lambda: [line["check"] for line in gateway.events("ready again")] == ["providers"])
    # Once for each beginning, one of them before the restart.
    assert len(gateway.events("not ready")) == 2


def test_a_provider_that_keeps_failing_is_a_problem_and_a_disk_without_room_too():
    breaker = {"failures_in_a_row": 2, "pause": 86400, "longest_pause": 86400}
    with Simulator() as sim, work_gateway({"fal": sim}, {"routing": {"breaker": breaker}}) as g:
        assert problems(g) == []
        sim.fault(provider="fal", route="submit", status=503, times=1_000_000)
        for _ in range(3):
            g.submit()
        until(lambda: g.get("/readyz").status_code == 503)
        assert problems(g) == ["providers"]
        g.config["assets"] = {"reserve_bytes": 1 << 60}
        g.write_config()
        g.cli("reload")
        # A reload that changes nothing about the provider does not forgive it; one that gives it another key does.
        assert sorted(problems(g)) == ["disk", "providers"]
        g.config["assets"] = {}
        g.config["providers"]["fal"]["api_key"] = "another-key"
        g.write_config()
        known = len(g.events("provider trouble"))
        g.cli("reload")
        until(lambda: len(g.events("provider trouble")) >= known + 2)
        until(lambda: problems(g) == ["providers"])
        sim.clear()
        # The operator says that it is mended: the day's pause is over, and those who waited go.
        g.cli("providers", "enable", "fal")
        assert problems(g) == []
        g.finished(g.submit())


def test_a_ledger_that_does_not_verify_is_a_problem_and_nothing_is_spent(gateway):
    gateway.finished(gateway.submit())
    gateway.stop()
    with sqlite3.connect(gateway.data / "gateway.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE postings SET amount = amount + 1 WHERE sequence = (SELECT max(sequence) FROM postings)")
    database.close()
    gateway.start()
    assert problems(gateway) == ["ledger"]
    assert gateway.metrics()["trellis_ledger_paused"] == 1
    refused = gateway.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri()})
    assert refused.status_code == 503
    assert gateway.get("/v1/wallet/").status_code == 200


def test_while_it_stops_it_says_so_to_those_who_are_still_there():
    with Gateway({"providers": {"sandbox": {"duration": 3}}}) as g:
        task = g.submit()
        # One that stays busy keeps the stop from being over at once; the other has its connection already.
        busy = http.client.HTTPConnection("127.0.0.1", g.port, timeout=30)
        kept = http.client.HTTPConnection("127.0.0.1", g.port, timeout=30)
        kept.request("GET", "/readyz")
        assert json.loads(kept.getresponse().read())["problems"] == []
        busy.putrequest("POST", "/v1/3d-models/trellis2/generate/")
        busy.putheader("Authorization", f"Bearer {g.key}")
        busy.putheader("Content-Type", "application/json")
        busy.putheader("Content-Length", "100000")
        busy.endheaders(b'{"image": "')
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        g.signal(signal.SIGTERM)
        until(lambda: g.events("stopping"))
        try:
            kept.request("GET", "/readyz")
            answer = kept.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):
            # Idle connections may be closed at once: a balancer takes that for an answer as well.
            answer = None
        if answer is not None:
            assert answer.status == 503
            assert [p["check"] for p in json.loads(answer.read())["problems"]] == ["draining"]
        busy.close()
        kept.close()
        # Another signal would end it at once.
        assert g.process.wait(40) == 0
        g.start()
        assert g.finished(task)["status"] == "FINISHED"


def test_statistics_add_up_to_what_was_done():
    config = {
        "providers": {
            "fal": {"cost": 0.25, "concurrency": 50}, "runware": {"cost": 0.1, "concurrency": 50},
        },
        "prices": {"credit_dollars": 0.02},
    }  # fmt: skip
    with Simulator() as fal, Simulator() as runware, work_gateway({"fal": fal, "runware": runware}, config) as g:
        for _ in range(3):
            assert g.finished(g.submit())["status"] == "FINISHED"
        # 30 credits, and at fal alone: it fails, once, and nobody steps in.
        fal.fault(provider="fal", route="submit", status=422, times=1)
        body = {"image": data_uri(), "provider": "fal", "fallback": False, "textures": True}
        assert g.finished(g.submit(body))["status"] == "FAILED"
        two = g.submit({"image": data_uri(), "provider": "runware", "number_results": 2, "textures": True})
        assert g.finished(two)["status"] == "FINISHED"
        rows = {row["provider"]: row for row in json.loads(g.cli("stats", "--json").stdout)["items"]}
        durations = {}
        for task in g.admin("GET", "/admin/v1/tasks?limit=100")["items"]:
            for a in g.admin("GET", f"/admin/v1/tasks/{task['task_id']}")["attempts"]:
                if a["outcome"] == "succeeded":
                    durations.setdefault(a["provider"], []).append(stamp(a["ended_at"]) - stamp(a["began_at"]))
        one, other = rows["fal"], rows["runware"]
        assert (one["tasks"], one["attempts"], one["succeeded"], one["refused"], one["failed"]) == (4, 4, 3, 1, 0)
        assert one["success_rate"] == 0.75
        assert (other["tasks"], other["attempts"], other["succeeded"], other["success_rate"]) == (1, 2, 2, 1.0)
        assert (one["credits"], other["credits"]) == (60, 60)
        assert one["revenue_microdollars"] == 60 * 20_000
        assert one["cost_microdollars"] == 3 * 250_000 and one["unknown_costs"] == 0
        assert one["margin_microdollars"] == 1_200_000 - 750_000
        # Runware says itself what a job cost: that goes over the setting.
        assert other["margin_microdollars"] == 1_200_000 - other["cost_microdollars"]
        for name, row in rows.items():
            took = sorted(durations[name])
            assert row["p50_seconds"] == pytest.approx(took[(len(took) * 50 + 99) // 100 - 1], abs=0.002)
            assert row["p95_seconds"] == pytest.approx(took[(len(took) * 95 + 99) // 100 - 1], abs=0.002)
        # What was earned is what the ledger says was earned.
        assert g.metrics()['trellis_ledger_credits{place="revenue"}'] == 120
        later = g.cli("stats", "--since", "2999-01-01T00:00:00Z", "--until", "2999-01-02T00:00:00Z", "--json")
        assert json.loads(later.stdout)["items"] == []


def stamp(text: str) -> float:
    import datetime

    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_reload_under_paid_load_loses_nothing_and_holds_at_once():
    limits = {"requests_per_minute": 1_000_000, "concurrent_tasks": 100_000}
    with Gateway({"limits": limits, "providers": {"sandbox": {"duration": 0.05}}}) as g:
        stop, answers, lock = threading.Event(), [], threading.Lock()

        def load():
            with httpx.Client(headers={"Authorization": f"Bearer {g.key}"}, timeout=30) as client:
                while not stop.is_set():
                    began = time.monotonic()
                    answer = client.post(f"{g.url}/v1/3d-models/trellis2/generate/", json={"image": data_uri()})
                    ended, said = time.monotonic(), answer.json()
                    with lock:
                        answers.append((began, ended, answer.status_code, said.get("credits"), said.get("task_id")))

        # Each price with the moments when its reload was begun and when it was answered.
        changes = [(time.monotonic(), time.monotonic(), 20)]
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(answers) > 10)
            for price in (7, 9, 11):
                g.config = {"limits": limits, "prices": {"1024": {"geometry": price}}}
                g.write_config()
                began = time.monotonic()
                said = g.admin("POST", "/admin/v1/reload")["changed"]
                assert any(line.endswith(f"→ {price}") for line in said)
                changes.append((began, time.monotonic(), price))
                # A mistake in between changes nothing.
                g.config_path.write_text('{ prices: { "1024": { geometry: "much" } } }')
                g.signal(signal.SIGHUP)
                refused = len(changes) - 1
                until(lambda: len(g.events("reload refused, the old configuration stays")) >= refused)
                count = len(answers)
                until(lambda: len(answers) > count + 10)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert {status for _, _, status, _, _ in answers} == {200}
        assert len({task for *_, task in answers}) == len(answers)
        assert {credits for *_, credits, _ in answers} == {20, 7, 9, 11}
        for (_, since, price), (before, _, _) in zip(changes, [*changes[1:], (float("inf"), 0, 0)]):
            # From the reload's answer on every new request has the new price, until the next reload was begun.
            seen = [credits for began, ended, _, credits, _ in answers if began > since and ended < before]
            assert seen and set(seen) == {price}, (price, set(seen))
        g.write_config()
        assert g.cli("credits", "verify").returncode == 0


def test_what_needs_a_restart_is_said_and_held_back(gateway):
    gateway.config = {"public_url": "https://elsewhere.example.com", "admin": {"listen": ["127.0.0.1:1"]},
                      "metrics": {"listen": ["127.0.0.1:2"]}, "limits": {"concurrent_tasks": 7}}  # fmt: skip
    gateway.write_config()
    for _ in range(2):
        # It is said until it is done.
        said = gateway.cli("reload").stdout
        for key in ("public_url", "admin.listen", "metrics.listen"):
            assert any(line.strip().startswith(f"{key}:") and line.endswith("(needs a restart)") for line in said.splitlines()), said
    assert gateway.get("/v1/account/").json()["limits"]["concurrent_tasks"] == 7
    # The admin routes and the metrics are where their listener is: still here.
    admin = gateway.admin("POST", "/admin/v1/accounts/tests/keys", {"scope": "admin"})["key"]
    assert gateway.get("/admin/v1/accounts", key=admin).status_code == 200
    assert gateway.get("/metrics", key=None).status_code == 200
    body = gateway.finished(gateway.submit())
    assert body["results"][0]["asset"].startswith(gateway.url)


def test_accounts_without_a_mark_have_the_gateways(gateway):
    made = gateway.admin("POST", "/admin/v1/accounts", {"name": "small", "credits": 130})
    assert gateway.get("/v1/account/", key=made["key"]).json()["limits"]["low_balance"] == 100
    hook = {"url": "http://127.0.0.1:9999/", "events": ["wallet.low"]}
    assert gateway.post("/v1/webhook-endpoints/", json=hook, key=made["key"]).status_code == 201
    gateway.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri()}, key=made["key"])
    assert gateway.metrics()["trellis_webhook_backlog"] == 0
    # 110 are left; 20 more go below the mark.
    gateway.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri()}, key=made["key"])
    until(lambda: gateway.metrics()["trellis_webhook_backlog"] >= 1 or gateway.metrics()["trellis_webhook_attempts_total{outcome=\"failed\"}"] >= 1)
