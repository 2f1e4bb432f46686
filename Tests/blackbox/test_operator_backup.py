"""Backups and what they are worth: the drill under load, an old one restored, an upgrade."""

import hashlib
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import threading
import time

import httpx
import pytest

from gateway import ROOT, Gateway, binary, data_uri, png
from work_house import Simulator, work_gateway


def until(question, seconds: float = 30):
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)
    return answer


def drill(g: Gateway, *words: str, config: str | None = None, cwd=None, **more: str) -> subprocess.CompletedProcess:
    (g.home / "drills").mkdir(exist_ok=True)
    return subprocess.run(
        ["sh", str(ROOT / "scripts/restore-drill"), str(g.config_path) if config is None else config, *words],
        env={k: v for k, v in os.environ.items() if not k.startswith("TRELLIS_")}
        | {"GATEWAY_PROGRAM": str(binary()), "TMPDIR": str(g.home / "drills")} | more,
        capture_output=True, text=True, timeout=100, cwd=cwd,
    )  # fmt: skip


def test_fault_54_the_drill_of_the_docs_passes_while_load_is_on():
    # The drill has nothing of the service's environment, such as this provider's key.
    limits = {"requests_per_minute": 1_000_000, "concurrent_tasks": 100_000}
    providers = {"fal": {"enabled": True}, "sandbox": {"enabled": True}}
    config = {"limits": limits, "providers": providers, "routing": {"order": ["sandbox", "fal"]}}
    with Gateway(config, env={"FAL_KEY": "a-key-of-many-letters"}) as g:
        done = [g.submit({"image": data_uri(png(salt=n))}) for n in range(3)]
        for task in done:
            g.finished(task)
        stop, acked, refused = threading.Event(), [], []

        def load():
            with httpx.Client(headers={"Authorization": f"Bearer {g.key}"}, timeout=30) as client:
                while not stop.is_set():
                    answer = client.post(f"{g.url}/v1/3d-models/trellis2/generate/", json={"image": data_uri()})
                    (acked if answer.status_code == 200 else refused).append(answer.text)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        until(lambda: len(acked) > 20)
        try:
            run = drill(g)
            during = len(acked)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert run.returncode == 0, run.stdout + run.stderr
        assert int(re.search(r"passed: (\d+) models", run.stdout).group(1)) >= 3
        assert during > 30 and refused == []
        assert g.cli("credits", "verify").returncode == 0
        # Nothing is left of it.
        assert list((g.home / "drills").iterdir()) == []


def test_a_backup_that_lacks_something_fails_the_drill(gateway):
    gateway.finished(gateway.submit())
    alone = gateway.home / "alone.db"
    said = gateway.cli("backup", str(alone), "--database-only").stdout
    assert "ALONE" in said and "master.key" in said and "assets/" in said
    run = drill(gateway, str(alone))
    assert run.returncode == 1
    assert "pictures and models were not restored" in run.stderr and "there is no master.key" in run.stderr
    keyless = gateway.home / "keyless.db"
    assert "NOT master.key" in gateway.cli("backup", str(keyless), "--without-key").stdout
    run = drill(gateway, str(keyless))
    assert run.returncode == 1 and "there is no master.key" in run.stderr
    # A model that rots is seen.
    whole = gateway.home / "whole.db"
    gateway.cli("backup", str(whole))
    assert drill(gateway, str(whole)).returncode == 0
    for path in (gateway.home / "whole.db.files/assets").glob("??/*"):
        path.unlink()
    assert drill(gateway, str(whole)).returncode != 0
    # What failed is kept to be looked at.
    assert len(list((gateway.home / "drills").iterdir())) == 3


def test_a_drill_needs_no_file_of_settings_and_leaves_nothing_where_it_cannot_begin(gateway, tmp_path):
    run = drill(gateway, config="", cwd=tmp_path, TRELLIS_DATA_DIR=str(gateway.data))
    assert run.returncode == 0, run.stdout + run.stderr
    run = drill(gateway, config=str(tmp_path / "gateway.json5"))
    assert run.returncode == 2 and "gateway.json5 cannot be read" in run.stderr
    run = drill(gateway, GATEWAY_PROGRAM="trellis-gatewax")
    assert run.returncode == 2 and "no trellis-gatewax on the path" in run.stderr
    run = drill(gateway, config="", cwd=tmp_path)
    assert run.returncode == 1 and "there is no gateway's data in ./data" in run.stderr
    assert list((gateway.home / "drills").iterdir()) == []


def test_backups_may_share_their_files_and_bring_only_what_is_new(gateway):
    gateway.finished(gateway.submit())
    files = gateway.home / "files"
    first = json.loads(gateway.cli("backup", str(gateway.home / "1.db"), "--files", str(files), "--json").stdout)
    gateway.finished(gateway.submit({"image": data_uri(png(salt=1))}))
    second = json.loads(gateway.cli("backup", str(gateway.home / "2.db"), "--files", str(files), "--json").stdout)
    assert first["file_count"] == 2 and second["file_count"] == 4
    for path in files.glob("assets/??/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert (files / "master.key").stat().st_mode & 0o777 == 0o600
    # Neither the database's copy nor its name tells the key.
    assert (files / "master.key").read_bytes().strip() not in (gateway.home / "2.db").read_bytes()


def test_a_restored_gateway_works_in_another_place():
    with Gateway() as g:
        g.config["public_url"] = g.url
        task = g.submit()
        g.finished(task)
        secret = g.get("/v1/webhook-secret/").json()
        copy = g.home / "copy.db"
        g.cli("backup", str(copy))
        g.stop()
        g.data.rename(g.home / "burnt")
        said = g.cli("restore", str(copy))
        assert "WARNING" not in said.stderr and "release" in said.stdout
        g.start()
        assert [p["check"] for p in g.get("/readyz").json()["problems"]] == ["store"]
        assert g.get("/v1/webhook-secret/").json() == secret
        asset = g.status(task)["results"][0]["asset"]
        assert g.get(asset, key=None).content[:4] == b"glTF"
        refused = g.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri()})
        assert refused.status_code == 503 and refused.json()["error"]["code"] == "paused"
        g.cli("release")
        assert g.get("/readyz").status_code == 200
        acts = [entry["act"] for entry in g.admin("GET", "/admin/v1/audit")["items"]]
        assert "store.release" in acts
        assert g.finished(g.submit())["status"] == "FINISHED"
        # The same by the API: only a key of scope admin may.
        copy = g.home / "again.db"
        g.cli("backup", str(copy))
        g.stop()
        g.cli("restore", str(copy))
        g.start()
        admin = g.admin("POST", "/admin/v1/accounts/tests/keys", {"scope": "admin"})["key"]
        assert g.post("/admin/v1/release").status_code == 403
        assert g.post("/admin/v1/release", key=admin).status_code == 200
        assert g.admin("GET", "/admin/v1/audit")["items"][0]["actor"].startswith("key:")


def test_a_foreign_master_key_is_kept_when_another_is_restored():
    with Gateway() as g:
        secret = g.get("/v1/webhook-secret/").json()
        g.cli("backup", str(g.home / "copy.db"))
        g.stop()
        (g.data / "master.key").write_text("ab" * 32 + "\n")
        said = g.cli("restore", str(g.home / "copy.db")).stdout
        assert "the master key that was there is now" in said
        assert [p.read_text().strip() for p in g.data.glob("master.key.before-restore-*")] == ["ab" * 32]
        g.start()
        assert g.get("/v1/webhook-secret/").json() == secret


def test_fault_55_an_old_backup_buys_nothing_until_it_is_released():
    # Once open, the breaker stays so for longer than the test lasts: what waits then is queued, and not on its way.
    config = {"routing": {"breaker": {"failures_in_a_row": 3, "pause": 86400, "longest_pause": 86400}}}
    with Simulator() as sim, work_gateway({"fal": sim}, config) as g:
        sim.fault(provider="fal", route="submit", status=503, times=1_000_000)
        tasks = [g.submit() for _ in range(3)]
        until(lambda: "open" in {p["breaker"] for p in g.admin("GET", "/admin/v1/providers")["items"] if p["id"] == "fal"})
        until(lambda: {g.status(task)["state"] for task in tasks} == {"queued"})
        copy = g.home / "old.db"
        g.cli("backup", str(copy))
        sim.clear()
        # A start begins with a closed breaker.
        g.restart()
        for task in tasks:
            assert g.finished(task, 60)["status"] == "FINISHED"
        assert sim.count("fal", "bought") == 3
        g.stop()
        g.cli("restore", str(copy))
        g.start()
        assert [p["check"] for p in g.get("/readyz").json()["problems"]] == ["store"]
        # Whatever it meant to do it would have done by now: every wait is a hundredth of what it says.
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert {g.status(task)["state"] for task in tasks} == {"queued"}
        assert sim.count("fal", "bought") == 3
        # Two were done by the first gateway, as its operator knows; one is to be bought anew.
        for task in tasks[:2]:
            g.cli("tasks", "cancel", task)
        g.cli("release")
        assert g.finished(tasks[2], 60)["status"] == "FINISHED"
        assert sim.count("fal", "bought") == 4
        assert json.loads(g.cli("credits", "verify", "--json").stdout)["ok"]


@pytest.fixture
def older(tmp_path):
    """A data directory as the version before the last migration left it."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    steps = sorted((ROOT / "migrations").glob("[0-9]*.sql"))[:-1]
    with sqlite3.connect(data / "gateway.db") as database:
        for step in steps:
            database.executescript(step.read_text())
            database.execute(
                "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
                " sha256 BLOB NOT NULL CHECK (length(sha256) = 32), applied_at INTEGER NOT NULL) STRICT"
            )
            number, name = step.stem.split("_", 1)
            digest = hashlib.sha256(step.read_bytes()).digest()
            database.execute("INSERT INTO migrations VALUES (?, ?, ?, 0)", (int(number), name, digest))
            database.execute(f"PRAGMA user_version = {int(number)}")
    database.close()
    return data


def version(path: pathlib.Path) -> int:
    database = sqlite3.connect(path)
    try:
        return database.execute("PRAGMA user_version").fetchone()[0]
    finally:
        database.close()


def test_a_dry_run_says_what_an_upgrade_would_do_and_does_nothing(older):
    run = subprocess.run(
        [str(binary()), "migrate", "--dry-run", "--data", str(older)], capture_output=True, text=True, timeout=30, cwd=older)
    assert run.returncode == 0, run.stderr
    old = version(older / "gateway.db")
    assert run.stdout.startswith(f"would apply {old + 1} ") and run.stdout.count("\n") == 1
    assert version(older / "gateway.db") == old
    assert not list(older.glob("gateway.db.schema-*"))


def test_a_dry_run_looks_at_a_database_in_use_and_a_real_one_does_not():
    with Gateway() as g:
        looked = g.cli("migrate", "--dry-run")
        assert looked.stdout == "the database is up to date\n"
        done = g.cli("migrate", check=False)
        assert done.returncode == 1 and f"in use by process {g.pid}; stop it first" in done.stderr
        assert g.finished(g.submit())["status"] == "FINISHED"


@pytest.mark.parametrize("wanted", [True, False])
def test_a_start_upgrades_after_a_copy_unless_none_is_wanted(older, wanted):
    old = version(older / "gateway.db")
    with Gateway({"backup": {"before_upgrade": wanted}}, data=older, account=None) as g:
        assert g.get("/readyz", key=None).status_code == 200
        said = g.events("the database was brought to this version's schema")[0]
        assert said["applied"].startswith(f"{old + 1} ")
        copy = older / f"gateway.db.schema-{old}"
        assert copy.exists() == wanted
        assert (said["copy_before"] == str(copy)) == wanted
        g.restart()
        assert len(g.events("the database was brought to this version's schema")) == 1
    assert version(older / "gateway.db") == old + 1
    if wanted:
        assert version(copy) == old
