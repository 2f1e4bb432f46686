"""What someone can do to the files of a gateway: change rows, cut the tail off, run a second one on them, damage a page,
bring a newer schema. Each is found, named, and never made worse."""

import json
import sqlite3
import subprocess
import time

import pytest

from gateway import Gateway, binary

TRIGGERS = ["postings_stay_as_written", "postings_stay"]


@pytest.fixture
def stopped(tmp_path):
    """A gateway that has earned something, stopped; `start()` brings it back."""
    (tmp_path / "home").mkdir()
    with Gateway(data=tmp_path / "home" / "data", config={"providers": {"sandbox": {"duration": 0.05}}}) as gateway:
        for _ in range(2):
            assert gateway.finished(gateway.submit())["status"] == "FINISHED"
        assert gateway.stop() == 0
        yield gateway


def shell(gateway: Gateway, *statements: str):
    """As an intruder with a shell and the file; answers the last statement's rows."""
    connection = sqlite3.connect(gateway.data / "gateway.db", isolation_level=None)
    try:
        connection.execute("PRAGMA recursive_triggers = ON")
        return [connection.execute(statement) for statement in statements][-1].fetchall()
    finally:
        connection.close()


def without_guards(gateway: Gateway, *statements: str) -> None:
    """The same, past the triggers, which are put back: nothing but the rows shows it."""
    guards = {name: shell(gateway, f"SELECT sql FROM sqlite_schema WHERE name = '{name}'")[0][0] for name in TRIGGERS}
    shell(gateway, *(f"DROP TRIGGER {name}" for name in TRIGGERS), *statements, *guards.values())


def verify(gateway: Gateway, *words: str) -> tuple[int, dict]:
    run = gateway.cli("credits", "verify", "--json", *words, check=False)
    return run.returncode, json.loads(run.stdout) if run.stdout.strip() else {"stderr": run.stderr}


def test_fault_42_a_posting_changed_by_hand_is_named_and_spending_stops(stopped):
    assert verify(stopped)[0] == 0
    [[sequence]] = shell(stopped, "SELECT max(sequence) - 1 FROM postings")
    without_guards(stopped, f"UPDATE postings SET at = at + 1 WHERE sequence = {sequence}")
    code, report = verify(stopped)
    assert code != 0
    assert str(sequence) in json.dumps(report), report

    # A running gateway that is told so spends nothing more, but still reads.
    stopped.start()
    assert verify(stopped)[0] != 0
    answer = stopped.post("/v1/3d-models/trellis2/generate/", json={"image_url": "https://example.com/a.png"})
    assert answer.status_code == 503, answer.text
    assert stopped.get("/v1/wallet/").status_code == 200
    ready = stopped.get("/readyz", key=None)
    assert ready.status_code == 503
    assert "ledger" in ready.text or str(sequence) in ready.text, ready.text


def test_fault_43_a_tail_that_was_cut_off_shows_against_a_saved_head(stopped):
    code, report = verify(stopped)
    assert code == 0
    head = report["head"]
    head = head if isinstance(head, str) else f"{head['sequence']}:{head['hash']}"
    assert verify(stopped, "--head", head)[0] == 0
    without_guards(stopped, "DELETE FROM postings WHERE sequence = (SELECT max(sequence) FROM postings)")
    assert verify(stopped, "--head", head)[0] != 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE postings SET amount = amount + 1 WHERE sequence = 1",
        "DELETE FROM postings WHERE sequence = 1",
        "INSERT OR REPLACE INTO postings SELECT * FROM postings WHERE sequence = 1",
        "REPLACE INTO postings SELECT * FROM postings WHERE sequence = (SELECT max(sequence) FROM postings)",
        "UPDATE ledger_accounts SET balance = -1 WHERE kind = 'wallet'",
        "DELETE FROM ledger_accounts WHERE kind = 'wallet'",
    ],
)
def test_fault_44_the_file_itself_refuses_to_change_what_was_posted(stopped, sql):
    before = shell(stopped, "SELECT * FROM postings ORDER BY sequence")
    with pytest.raises(sqlite3.IntegrityError):
        shell(stopped, sql)
    assert shell(stopped, "SELECT * FROM postings ORDER BY sequence") == before


def serve(gateway: Gateway) -> subprocess.CompletedProcess:
    """Another process on the same directory, on a port of its own."""
    config = gateway.home / "second.json5"
    config.write_text(json.dumps(gateway.effective_config | {"listen": "127.0.0.1:0"}))
    return subprocess.run(
        [binary(), "serve", "--config", config], capture_output=True, text=True, timeout=20, cwd=gateway.home
    )


def test_fault_53_a_second_instance_is_refused_and_the_first_goes_on(gateway):
    began = time.monotonic()
    for _ in range(3):
        second = serve(gateway)
        assert second.returncode != 0
        assert str(gateway.pid) in second.stderr
    print(f"{(time.monotonic() - began) / 3:.2f} s each")
    assert gateway.finished(gateway.submit())["status"] == "FINISHED"
    assert verify(gateway)[0] == 0


@pytest.mark.parametrize("page", [0, 3, 9])
def test_fault_56_a_damaged_page_stops_the_start_and_is_left_as_it_is(stopped, page):
    path = stopped.data / "gateway.db"
    damaged = bytearray(path.read_bytes())
    damaged[page * 4096 : page * 4096 + 512] = b"\xa5" * 512
    path.write_bytes(damaged)
    refused = serve(stopped)
    assert refused.returncode != 0
    assert "damaged" in refused.stderr, refused.stderr
    assert path.read_bytes() == damaged


@pytest.mark.parametrize(
    "sql, why",
    [
        ("PRAGMA user_version = 99", "99"),
        ("UPDATE migrations SET sha256 = zeroblob(32) WHERE number = 2", "2"),
    ],
    ids=["newer", "not_the_same_migration"],
)
def test_fault_57_a_schema_this_program_does_not_know_is_refused_untouched(stopped, sql, why):
    shell(stopped, sql)
    path = stopped.data / "gateway.db"
    before = path.read_bytes()
    refused = serve(stopped)
    assert refused.returncode != 0
    assert "schema" in refused.stderr or "migration" in refused.stderr, refused.stderr
    assert why in refused.stderr
    assert path.read_bytes() == before


def test_check_says_when_this_sqlite_has_the_wal_reset_bug(stopped):
    stopped.start()
    found = stopped.get("/healthz", key=None).json()["store"]["sqlite"]
    answer = stopped.cli("check")
    assert ("WAL-reset bug" in answer.stderr) == has_wal_reset_bug(found), answer.stderr


def has_wal_reset_bug(found: str) -> bool:
    """By what SQLite's release notes say, and not by what the gateway says of itself."""
    version = tuple(map(int, found.split(".")))
    mended = (3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51) or version >= (3, 51, 3)
    return version >= (3, 7) and not mended
