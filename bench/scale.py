#!/usr/bin/env python3
"""What everything costs when there are a thousand, a hundred thousand and a million finished tasks in the store.

    bench/scale.py [--sizes 1000,100000,1000000] [--rounds 5]

Each store begins with one task that really went through the gateway; its rows are multiplied, with their postings and
hashes, over the last thirty days: a million tasks are two million postings. Then the release build is started on it and
asked from outside. Every figure is a median; a curve that is flat is what is looked for. Stores are kept in
.build/bench-scale and used again while the schema is the same.

Fails when the start takes a second or more, or the largest store costs more than three times the smallest. The janitor
goes through all ended tasks once after each start, so many at a time that it takes less than a fifth of a core.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]
if __name__ == "__main__":  # a test that borrows from here keeps the build it runs on
    os.environ.setdefault("TRELLIS_BIN_DIR", str(ROOT / ".build/dist"))
sys.path.insert(0, str(ROOT / "Tests/blackbox"))

from gateway import Gateway, binary, data_uri  # noqa: E402
from work_house import Simulator, provider_config  # noqa: E402

DAY = 86_400_000
# Beyond which the janitor removes tasks here.
OLD = 60 * DAY
JANITOR = "CPU of start, janitor, sweep and 2 s, ms"
BODY = {"image_url": "https://example.com/a.png", "textures": True}


def config(sim: Simulator) -> dict:
    """Work at a simulator that is done at once: a model is made by nobody, so the figures are of the gateway."""
    return {
        "providers": provider_config({"fal": sim}, concurrency=1000),
        "polling": {"scale": 0.01},
        "limits": {"requests_per_minute": 10_000_000, "reads_per_minute": 10_000_000, "concurrent_tasks": 100_000},
        "retention": {"tasks": OLD // 1000},
    }


def identifier(kind: int, at: int, number: int) -> bytes:
    """A UUID of version 7: in order of time, and told apart by kind and number."""
    return at.to_bytes(6, "big") + bytes([0x70 | kind, 0]) + (0x8000_0000_0000_0000 | number).to_bytes(8, "big")


class Multiplier:
    """Turns a store with one finished task into one with many."""

    def __init__(self, path: pathlib.Path):
        self.base = sqlite3.connect(path, isolation_level=None)
        self.base.execute("PRAGMA journal_mode = OFF")
        self.base.execute("PRAGMA synchronous = OFF")
        self.base.execute("PRAGMA cache_size = -1000000")
        self.task = self.base.execute("SELECT id FROM tasks").fetchone()[0]
        self.attempt = self.base.execute("SELECT id FROM attempts").fetchone()[0]
        self.finished = self.base.execute("SELECT finished_at FROM tasks").fetchone()[0]

    def multiply(self, count: int) -> None:
        self.add([30 * DAY * (count - i) // (count + 1) for i in range(count)], isPaid=True)

    def age(self, count: int) -> None:
        """Some that are due to be removed, without the postings that would stay."""
        self.add([OLD + DAY + i for i in range(count, 0, -1)], isPaid=False)

    def add(self, ages: list[int], isPaid: bool) -> None:
        now = int(time.time() * 1000)
        moments = [now - age for age in ages]
        self.base.execute("BEGIN")
        # What the schema sees to at every write is true of these rows by construction, and proved at the end.
        triggers = self.base.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            self.base.execute(f"DROP TRIGGER {name}")
        gone = {"removed_at": lambda at, age: at + DAY if age > DAY else None}
        self.copy("tasks", moments, ages, {"id": 1})
        self.copy("slots", moments, ages, {"task": 1, "attempt": 2})
        self.copy("attempts", moments, ages, {"id": 2, "task": 1, "token": 3})
        self.copy("assets", moments, ages, {"task": 1}, gone)
        self.copy("inputs", moments, ages, {"task": 1}, gone)
        week = sum(age > 7 * DAY for age in ages)
        self.copy("idempotency", moments[week:], ages[week:], {"task": 1, "key": 3})
        self.copy("events", moments[week:], ages[week:], {"id": 4, "task": 1}, where="kind = 'task.finished'")
        if isPaid:
            self.post(moments)
        for _, sql in triggers:
            self.base.execute(sql)
        self.base.execute("COMMIT")
        self.base.execute("PRAGMA journal_mode = WAL")
        self.base.close()

    def copy(self, table: str, moments: list, ages: list, names: dict, special: dict = {}, where: str = "1") -> None:
        columns = [row[1] for row in self.base.execute(f"PRAGMA table_info({table})")]
        found = self.base.execute(f"SELECT * FROM {table} WHERE {where} LIMIT 1").fetchone()
        if found is None:
            return
        row = dict(zip(columns, found))
        moving = [c for c in columns if isinstance(row[c], int) and (c.endswith("_at") or c in ("deadline", "at"))]
        offset = {c: row[c] - self.finished for c in moving}

        def rows():
            for number, (at, age) in enumerate(zip(moments, ages)):
                new = dict(row)
                if "number" in row:
                    new["number"] = None
                for c in moving:
                    new[c] = at + offset[c]
                for column, kind in names.items():
                    made = identifier(kind, at, number)
                    new[column] = str(uuid.UUID(bytes=made)) if kind == 3 else made
                for column, value in special.items():
                    if column in new:
                        new[column] = value(at, age)
                yield tuple(new.values())

        marks = ",".join("?" * len(columns))
        self.base.executemany(f"INSERT INTO {table} VALUES ({marks})", rows())

    def post(self, moments: list) -> None:
        """A hold and a settlement for each, chained as docs/ledger.md says."""
        names = dict(self.base.execute("SELECT id, name FROM ledger_accounts"))
        state = {r[0]: [r[1], r[2]] for r in self.base.execute("SELECT id, balance, postings FROM ledger_accounts")}
        wallet, amount = self.base.execute("SELECT wallet, amount FROM postings WHERE kind = 'hold'").fetchone()
        sequence, previous = self.base.execute(
            "SELECT sequence, hash FROM postings ORDER BY sequence DESC LIMIT 1"
        ).fetchone()

        def rows():
            nonlocal sequence, previous
            for number, at in enumerate(moments):
                task = identifier(1, at, number)
                for kind, source, target in (("hold", wallet, 2), ("settle", 2, 3)):
                    sequence += 1
                    for account, change in ((source, -amount), (target, amount)):
                        state[account][0] += change
                        state[account][1] += 1
                    line = [sequence, kind, names[source], names[target], amount, str(uuid.UUID(bytes=task)), 0, "model",
                            None, at, state[source][1], state[source][0], state[target][1], state[target][0]]  # fmt: skip
                    previous = hashlib.sha256(previous + json.dumps(line, separators=(",", ":")).encode()).digest()
                    yield (sequence, kind, source, target, wallet, amount, task, 0, "model", None, at,
                           state[source][1], state[source][0], state[target][1], state[target][0], previous)  # fmt: skip

        self.base.executemany(f"INSERT INTO postings VALUES ({','.join('?' * 16)})", rows())
        for account, (balance, postings) in state.items():
            self.base.execute("UPDATE ledger_accounts SET balance = ?, postings = ? WHERE id = ?", [balance, postings, account])
        self.base.execute("UPDATE ledger_accounts SET spent = spent + ? WHERE id = ?", [amount * len(moments), wallet])
        # As a gateway leaves it that has run for long enough to have gone through its ledger.
        self.base.execute("INSERT OR REPLACE INTO meta VALUES ('verified', ?)", [f"{sequence} {previous.hex()}"])


def prepared(size: int) -> pathlib.Path:
    """The directory of a store with so many tasks, and its key; made once."""
    schema = "".join(path.read_text() for path in sorted((ROOT / "migrations").glob("*.sql")))
    place = ROOT / ".build/bench-scale" / f"{size}-{hashlib.sha256(schema.encode()).hexdigest()[:12]}"
    if not (place / "done").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        with Simulator(scale=0.001) as sim, Gateway(
            config(sim), data=place / "data", credits=10**12, log_level="info"
        ) as gateway:
            task = gateway.submit({"image": data_uri(), "textures": True}, headers={"Idempotency-Key": "first"})
            status = gateway.finished(task)
            assert status["status"] == "FINISHED", status
            (place / "key").write_text(gateway.key)
        Multiplier(place / "data/gateway.db").multiply(size)
        (place / "done").touch()
    return place


def milliseconds(act, count: int) -> list[float]:
    took = []
    for number in range(count):
        began = time.perf_counter()
        act(number)
        took.append((time.perf_counter() - began) * 1000)
    return took


def cpu(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1000


def middle(values: list[float]) -> float:
    return statistics.median(values)


def settle(gateway: Gateway) -> None:
    """Until everything that was submitted has ended."""
    end = time.monotonic() + 60
    while gateway.get("/v1/wallet/").json()["held"]:
        assert time.monotonic() < end, "the tasks do not end"
        time.sleep(0.05)


def measure(size: int, rounds: int, sim: Simulator) -> dict[str, float]:
    place = prepared(size)
    figures: dict[str, float] = {}
    gateway = Gateway(config(sim), data=place / "data", account=None, log_level="info")
    gateway.key = (place / "key").read_text()
    gateway.start()
    try:
        # The first time the tail of the ledger is new to it; what is proved now need not be at the next starts.
        began = time.perf_counter()
        command = [str(binary()), "credits", "verify", "--config", str(gateway.config_path)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TRELLIS_")}
        subprocess.run(command, env=environment, check=True, timeout=900, stdout=subprocess.DEVNULL)
        figures["credits verify, s"] = time.perf_counter() - began
        began = time.perf_counter()
        assert gateway.admin("GET", "/admin/v1/stats")["items"], "nothing is told of the last thirty days"
        figures["stats of thirty days, s"] = time.perf_counter() - began
        ids = [row["task_id"] for row in gateway.get("/v1/generation-requests/?limit=100").json()["items"]]
    finally:
        gateway.stop()
    rows = sqlite3.connect(f"file:{place}/data/gateway.db?mode=ro", uri=True)
    old = [str(uuid.UUID(bytes=r[0])) for r in rows.execute(
        "SELECT id FROM tasks WHERE number % max(1, (SELECT max(number) FROM tasks) / 500) = 0 LIMIT 500")]  # fmt: skip
    figures["postings"] = rows.execute("SELECT max(sequence) FROM postings").fetchone()[0]
    rows.close()

    starts, resting, stopped = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        gateway.start()
        gateway.get("/healthz", key=None)
        starts.append((time.perf_counter() - began) * 1000)
        # The janitor looks at once after the start, and sweeps.
        time.sleep(2)
        resting.append(cpu(gateway.pid))
        gateway.stop()
        # What that costs others is seen by who submits then.
        gateway.start()
        stopped.append(max(milliseconds(lambda n: gateway.submit(BODY), 300)))
        settle(gateway)
        gateway.stop()
    figures["start, ms"] = middle(starts)
    figures["slowest of 300 submits after the start, ms"] = middle(stopped)
    figures[JANITOR] = middle(resting)
    Multiplier(place / "data/gateway.db").age(1000)
    gateway.start()
    with sqlite3.connect(f"file:{place}/data/gateway.db?mode=ro", uri=True) as rows:
        old_ones = "SELECT count(*) FROM tasks WHERE finished_at < (unixepoch() * 1000 - ?)"
        began = time.perf_counter()
        beside = milliseconds(lambda n: gateway.submit(BODY), 20)
        while rows.execute(old_ones, [OLD]).fetchone()[0]:
            beside += milliseconds(lambda n: gateway.submit(BODY), 5)
            assert time.perf_counter() - began < 120, "old tasks are not removed"
        figures["to remove 1,000 old tasks, ms"] = (time.perf_counter() - began) * 1000
    figures["slowest submit meanwhile, ms"] = max(beside)
    settle(gateway)
    gateway.stop()
    gateway.start()
    try:
        read = lambda path: gateway.get(path).raise_for_status()  # noqa: E731
        figures["status of an old task, ms"] = middle(
            milliseconds(lambda n: read(f"/v1/generation-request/{old[n % len(old)]}/status/"), 500))  # fmt: skip
        figures["status of a recent task, ms"] = middle(
            milliseconds(lambda n: read(f"/v1/generation-request/{ids[n % len(ids)]}/status/"), 500))  # fmt: skip
        figures["list, first page of 100, ms"] = middle(milliseconds(lambda n: read("/v1/generation-requests/?limit=100"), 50))
        figures["list, finished at fal, ms"] = middle(
            milliseconds(lambda n: read("/v1/generation-requests/?limit=100&status=FINISHED&provider=fal"), 50))  # fmt: skip
        figures["list, those that failed, ms"] = middle(
            milliseconds(lambda n: read("/v1/generation-requests/?limit=100&status=FAILED"), 10))  # fmt: skip
        figures["ledger, first page, ms"] = middle(milliseconds(lambda n: read("/v1/wallet/ledger/?limit=100"), 50))
        figures["wallet, ms"] = middle(milliseconds(lambda n: read("/v1/wallet/"), 200))
        figures["submit, ms"] = middle(
            milliseconds(lambda n: gateway.submit(BODY), 300))  # fmt: skip
        settle(gateway)
        whole = lambda n: gateway.submit(BODY, headers={"Prefer": "wait=20"})  # noqa: E731
        figures["submit, claim, make, fetch, settle, ms"] = middle(milliseconds(whole, 50))
        figures["memory at the end, MB"] = gateway.memory_bytes() / 1e6
    finally:
        gateway.stop()
    figures["database, MB"] = (place / "data/gateway.db").stat().st_size / 1e6
    return figures


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sizes", default="1000,100000,1000000")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--prepare", action="store_true", help="make the stores and measure nothing")
    asked = arguments.parse_args()
    sizes = [int(size) for size in asked.sizes.split(",")]
    for size in sizes:
        began = time.perf_counter()
        prepared(size)
        if time.perf_counter() - began > 1:
            print(f"a store of {size:,} tasks made in {time.perf_counter() - began:.0f} s", flush=True)
    if asked.prepare:
        return
    with Simulator(scale=0.001) as sim:
        sim.enrich()
        found = {size: measure(size, asked.rounds, sim) for size in sizes}
    print(f"{'tasks in the store':44}" + "".join(f"{size:>12,}" for size in sizes))
    least, most = found[sizes[0]], found[sizes[-1]]
    steep = []
    for name in least:
        print(f"{name:44}" + "".join(f"{found[size][name]:12,.{0 if name == 'postings' else 2}f}" for size in sizes))
        grows = name in (
            "postings", "credits verify, s", "stats of thirty days, s", "database, MB", "memory at the end, MB")  # fmt: skip
        limit = 400 if name == JANITOR else 3 * least[name] + 5
        if not grows and most[name] > limit:
            steep.append(name)
    slow = most["start, ms"] >= 1000
    print(f"start below 1 s: {'NO' if slow else 'yes'}; grows with the store: {', '.join(steep) or 'nothing'}")
    sys.exit(1 if slow or steep else 0)


if __name__ == "__main__":
    main()
