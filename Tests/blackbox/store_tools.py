"""What the store's black-box tests share: submits with a key, the books of a database that nobody has open, strace."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

import httpx

from gateway import Gateway

SUBMIT = "/v1/3d-models/trellis2/generate/"
PICTURE = "https://example.com/chair.png"

# Only the store is in the way.
LIMITS = {"requests_per_minute": 100_000_000, "reads_per_minute": 100_000_000, "concurrent_tasks": 1_000_000}
# Work is accepted and stays queued behind one job that takes minutes and is hardly ever asked after: only submits write.
IDLE = {
    "limits": LIMITS,
    "providers": {"sandbox": {"duration": 600, "concurrency": 1}},
    "polling": {"scale": 10},
}


def submit(gateway: Gateway, key: str | None = None, *, client: httpx.Client | None = None) -> httpx.Response:
    """One submit over a client of the caller's own, or a fresh one."""
    headers = {"Authorization": f"Bearer {gateway.key}"} | ({"Idempotency-Key": key} if key else {})
    body = {"image_url": PICTURE, "metadata": {"key": key or ""}}
    with contextlib.ExitStack() as stack:
        client = client or stack.enter_context(httpx.Client(trust_env=False, timeout=30))
        return client.post(gateway.url + SUBMIT, json=body, headers=headers)


def tasks(gateway: Gateway) -> list[dict]:
    """All of them, page by page."""
    found, cursor = [], None
    while True:
        page = gateway.get("/v1/generation-requests/", params={"limit": 100} | ({"cursor": cursor} if cursor else {}))
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json().get("next_cursor")
        if not cursor:
            return found


def ids(gateway: Gateway) -> set[str]:
    return {task["task_id"] for task in tasks(gateway)}


def sound(gateway: Gateway) -> None:
    """The gateway itself finds its ledger whole."""
    checked = gateway.cli("credits", "verify", "--json", check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def wal(gateway: Gateway) -> int:
    path = gateway.data / "gateway.db-wal"
    return path.stat().st_size if path.exists() else 0


def log_number(gateway: Gateway) -> int | None:
    """What the log's header counts: how often it was written from its beginning again. None while it is empty."""
    with (gateway.data / "gateway.db-wal").open("rb") as log:
        header = log.read(16)
    return int.from_bytes(header[12:], "big") if len(header) == 16 else None


# What no row may ever say, whatever moment the gateway was killed at. None of it asks the gateway.
BOOKS = {
    "all balances together are zero": "SELECT sum(balance) AS off FROM ledger_accounts HAVING off <> 0",
    "only the issuer is below zero": "SELECT name, balance FROM ledger_accounts WHERE balance < 0 AND id <> 1",
    "a balance is what its postings make": """
        SELECT name, balance FROM ledger_accounts AS a
         WHERE balance <> (SELECT total(amount) FROM postings WHERE to_account = a.id)
                        - (SELECT total(amount) FROM postings WHERE from_account = a.id)""",
    "escrow is what wallets have held": """
        SELECT balance FROM ledger_accounts
         WHERE id = 2 AND balance <> (SELECT sum(held) FROM ledger_accounts WHERE kind = 'wallet')""",
    "a slot has a hold": """
        SELECT hex(task), slot FROM slots
         WHERE NOT EXISTS (SELECT 1 FROM postings AS p
                            WHERE p.kind = 'hold' AND p.task = slots.task AND p.slot = slots.slot)""",
    "a hold has a slot": """
        SELECT sequence FROM postings AS p
         WHERE kind = 'hold' AND NOT EXISTS (SELECT 1 FROM slots WHERE slots.task = p.task AND slots.slot = p.slot)""",
    "money follows the state": """
        SELECT hex(s.task), s.slot, s.state, p.kind FROM slots AS s
          LEFT JOIN postings AS p ON p.task = s.task AND p.slot = s.slot AND p.kind IN ('settle', 'refund')
         WHERE coalesce(p.kind, 'hold') <> CASE WHEN s.state = 'finished' THEN 'settle'
                                                WHEN s.state IN ('failed', 'canceled', 'expired') THEN 'refund'
                                                ELSE 'hold' END""",
    "a key that is remembered has its task": """
        SELECT key FROM idempotency WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE id = idempotency.task)""",
    "the file is whole": "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
}


def wrong_in(data: pathlib.Path) -> dict[str, list]:
    """What does not add up in a data directory that nobody has open. Looks at a copy: opening the file itself would
    already recover it."""
    with tempfile.TemporaryDirectory(prefix="books-") as directory:
        for name in ("gateway.db", "gateway.db-wal"):
            if (data / name).exists():
                shutil.copyfile(data / name, pathlib.Path(directory, name))
        connection = sqlite3.connect(f"{directory}/gateway.db")
        try:
            found = {what: connection.execute(sql).fetchmany(5) for what, sql in BOOKS.items()}
        finally:
            connection.close()
    return {what: rows for what, rows in found.items() if rows}


def is_traced(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
        return all("TracerPid:\t0" not in (thread / "status").read_text() for thread in threads)
    return False


@contextlib.contextmanager
def strace(gateway: Gateway, *words: str):
    """strace on every thread of the running gateway; yields the file with what it saw."""
    program = shutil.which("strace")
    assert program, "strace is not installed: `make witnesses`"
    out = gateway.home / f"strace-{time.monotonic_ns()}"
    tracer = subprocess.Popen(
        [program, "-f", "-y", "-qq", "-p", str(gateway.pid), "-o", str(out), *words], stderr=subprocess.PIPE
    )
    try:
        end = time.monotonic() + 30
        while not is_traced(gateway.pid):
            assert tracer.poll() is None, tracer.stderr.read().decode()
            assert time.monotonic() < end, "strace does not attach"
            time.sleep(0.02)
        yield out
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=30)
