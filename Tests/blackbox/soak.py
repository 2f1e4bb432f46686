#!/usr/bin/env python3
"""A gateway under mixed load for as long as is wanted, with faults, kills and reloads; and what is left of it at the end.

    Tests/blackbox/soak.py [--minutes 30] [--seed 1] [--clients 6]

Five providers at a simulator, work a hundred times as fast as in life. Clients submit (addresses and pictures, with
thumbnails, several results, uploads, idempotent retries), read, wait, list, cancel, download; a receiver takes
webhooks, now and then not. Meanwhile the simulator is told to misbehave, the gateway is told to reload, and in the
first quarter it is killed again and again. Then it runs on in one process, so that what grows can be seen: memory,
descriptors, the log of the database. At the end everything must come to rest: nothing queued, nothing held, nothing to
be delivered, the ledger proved, every task that was acknowledged ended, nothing bought without an attempt.

Prints a line a minute, then the findings, and fails when one is not as it should be.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import pathlib
import random
import signal
import sqlite3
import statistics
import sys
import threading
import time
import uuid
from collections import Counter

import httpx

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from file_host import FileHost  # noqa: E402
from gateway import data_uri, png  # noqa: E402
from work_house import PROVIDERS, Simulator, provider_config, work_gateway  # noqa: E402

SUBMIT = "/v1/3d-models/trellis2/generate/"
FAULTS = [
    {"route": "submit", "status": 500, "times": 3}, {"route": "submit", "status": 429, "times": 3},
    {"route": "submit", "lose": True}, {"route": "submit", "hang": "after"}, {"route": "submit", "close": True},
    {"route": "submit", "mutate": "garbage"}, {"route": "look", "status": 502, "mutate": "html", "times": 5},
    {"route": "look", "mutate": "wrong_types", "times": 3}, {"route": "look", "hang": "before", "times": 2},
    {"route": "asset", "status": 500, "times": 2}, {"route": "asset", "cut": 100}, {"route": "asset", "mutate": "endless"},
    {"fate": {"end": "fails", "code": "runner_server_error"}}, {"fate": {"end": "late_file"}},
    {"fate": {"end": "no_model"}}, {"fate": {"end": "gone"}}, {"fate": {"end": "stuck"}},
]  # fmt: skip
# What may be left over when a process has run for a while: caches fill, and allocators keep what they had.
SLOPE_KB_A_MINUTE = 600
WAL_BYTES = 96 << 20


class Receiver:
    """Takes webhooks; refuses one in thirty."""

    def __init__(self):
        self.ids: Counter[str] = Counter()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                good = random.random() > 1 / 30
                if good:
                    outer.ids[self.headers["webhook-id"]] += 1
                self.send_response(200 if good else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Soak:
    def __init__(self, seconds: float, seed: int = 1, clients: int = 6, kill_every: float = 20, verbose: bool = True):
        self.seconds, self.seed, self.clients, self.kill_every, self.verbose = seconds, seed, clients, kill_every, verbose
        self.acknowledged: set[str] = set()
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.stop = threading.Event()
        self.down = threading.Event()
        # Of the process: nobody looks at it while it is being replaced.
        self.replacing = threading.Lock()
        self.samples: list[tuple[float, int, int, int]] = []
        self.findings: dict[str, str] = {}

    # The load

    def client(self, number: int) -> None:
        chance = random.Random(f"{self.seed}-{number}")
        http_client = httpx.Client(
            timeout=30, trust_env=False, headers={"Authorization": f"Bearer {self.gateway.key}"}, base_url=self.gateway.url
        )
        mine: list[str] = []
        acts = [self.submit] * 5 + [self.look] * 6 + [self.listing, self.cancel, self.fetch, self.wait, self.quote]
        while not self.stop.is_set():
            if self.down.is_set():
                time.sleep(0.02)
                continue
            # Busy, and not drowned: what waits for its turn until its time is up proves little.
            time.sleep(chance.uniform(0, 0.1))
            try:
                chance.choice(acts)(http_client, chance, mine)
            except (httpx.HTTPError, OSError):
                # Killed under our hands: nobody promised anything.
                self.done["cut off"] += 1
                time.sleep(0.02)
            except AssertionError as error:
                self.wrong.append(str(error)[:400])
            del mine[:-200]
        http_client.close()

    def check(self, answer: httpx.Response, *allowed: int) -> httpx.Response:
        assert answer.status_code in (*allowed, 503), f"{answer.request.method} {answer.request.url.path}: {answer.text[:300]}"
        self.done[str(answer.status_code)] += 1
        return answer

    def submit(self, http_client, chance, mine) -> None:
        body: dict = {"textures": chance.random() < 0.6, "resolution": chance.choice(["512", "1024"])}
        if chance.random() < 0.5:
            body["image_url"] = "https://example.com/chair.png"
        else:
            size = chance.choice([8, 64, 256])
            body |= {"image": data_uri(png(size, size, salt=chance.randrange(50))), "provider": ["fal", "runware"]}
        if chance.random() < 0.05:
            body["generate_thumbnail"] = True
        if chance.random() < 0.1:
            body["number_results"] = 2
        if chance.random() < 0.1:
            body["upload_url"] = self.host.url + "/put"
        if chance.random() < 0.1:
            body["webhook_url"] = self.receiver.url
        if chance.random() < 0.1:
            body["cancel_after"] = chance.choice([1, 5])
        key = {"Idempotency-Key": str(uuid.UUID(int=chance.getrandbits(128)))}
        for _ in range(8):
            try:
                answer = self.check(http_client.post(SUBMIT, json=body, headers=key), 200)
            except (httpx.HTTPError, OSError):
                # The same key again, until somebody says what became of it.
                while self.down.is_set() and not self.stop.is_set():
                    time.sleep(0.02)
                continue
            if answer.status_code == 200:
                task = answer.json()["task_id"]
                self.acknowledged.add(task)
                mine.append(task)
            return

    def look(self, http_client, chance, mine) -> None:
        if mine:
            self.check(http_client.get(f"/v1/generation-request/{chance.choice(mine)}/status/"), 200)

    def wait(self, http_client, chance, mine) -> None:
        if mine:
            self.check(http_client.get(f"/v1/generation-request/{mine[-1]}/status/?wait=2"), 200)

    def listing(self, http_client, chance, mine) -> None:
        self.check(http_client.get("/v1/generation-requests/?limit=20"), 200)
        wallet = self.check(http_client.get("/v1/wallet/"), 200).json()
        total = wallet["balance"] + wallet["held"] + wallet["spent"]
        assert total == self.granted, f"the wallet comes to {total} of {self.granted}: {wallet}"

    def cancel(self, http_client, chance, mine) -> None:
        if mine and chance.random() < 0.3:
            self.check(http_client.post(f"/v1/generation-request/{mine[-1]}/cancel/"), 200, 409)

    def quote(self, http_client, chance, mine) -> None:
        self.check(http_client.post("/v1/3d-models/trellis2/quote/", json={"image_url": "https://example.com/a.png"}), 200)

    def fetch(self, http_client, chance, mine) -> None:
        if not mine:
            return
        status = self.check(http_client.get(f"/v1/generation-request/{chance.choice(mine)}/status/"), 200).json()
        if status["status"] == "FINISHED":
            answer = self.check(httpx.get(status["results"][0]["asset"], trust_env=False), 200)
            assert answer.status_code != 200 or answer.content.startswith(b"glTF")

    # The trouble

    def trouble(self) -> None:
        chance = random.Random(f"{self.seed}-trouble")
        began = time.monotonic()
        next_kill = self.kill_every / 2
        while not self.stop.wait(chance.uniform(0.3, 1.5)):
            elapsed = time.monotonic() - began
            self.sim.fault(provider=chance.choice(PROVIDERS), **chance.choice(FAULTS))
            self.done["faults"] += 1
            if chance.random() < 0.05:
                self.gateway.signal(signal.SIGHUP)
                self.done["reloads"] += 1
            if elapsed < self.seconds / 4 and elapsed > next_kill:
                next_kill = elapsed + chance.uniform(0.5, 1.5) * self.kill_every
                self.down.set()
                with self.replacing:
                    self.gateway.kill()
                    self.gateway.start()
                self.down.clear()
                self.done["kills"] += 1

    def sample(self) -> None:
        gateway = self.gateway
        wal = gateway.data / "gateway.db-wal"
        with self.replacing:
            descriptors = len(list(pathlib.Path(f"/proc/{gateway.pid}/fd").iterdir()))
            size = wal.stat().st_size if wal.exists() else 0
            self.samples.append((time.monotonic() - self.began, gateway.memory_bytes(), descriptors, size))
        if self.verbose:
            at, memory, descriptors, size = self.samples[-1]
            print(
                f"{at / 60:6.1f} min   {memory / 1e6:6.1f} MB   {descriptors:4} descriptors   log {size / 1e6:5.1f} MB   "
                f"{len(self.acknowledged):6} tasks   {self.done['kills']} kills   {len(self.wrong)} wrong",
                flush=True,
            )

    def run(self) -> dict[str, str]:
        config = {
            "providers": {"3daistudio": {"requests_per_minute": None}, "empiriolabs": {"requests_per_minute": None}},
            "limits": {"task_deadline": 20, "reads_per_minute": 10_000_000},
            "webhooks": {"schedule": [0, 0.2, 0.5, 1, 2, 4, 8]},
            "assets": {"model_bytes": 8 << 20},
        }
        self.granted = 10**9
        self.receiver = Receiver()
        with Simulator(faces=200) as self.sim, FileHost() as self.host:
            self.sim.enrich()
            self.sim.settings(requests_per_minute={"3daistudio": 10**6, "empiriolabs": 10**6})
            sims = {name: self.sim for name in PROVIDERS}
            with work_gateway(sims, config, credits=self.granted, log_level="info") as self.gateway:
                self.gateway.post("/v1/webhook-endpoints/", json={"url": self.receiver.url}).raise_for_status()
                self.began = time.monotonic()
                threads = [threading.Thread(target=self.client, args=[n]) for n in range(self.clients)]
                threads.append(threading.Thread(target=self.trouble))
                for thread in threads:
                    thread.start()
                step = min(60.0, self.seconds / 20)
                while (left := self.seconds - (time.monotonic() - self.began)) > 0:
                    time.sleep(min(step, left))
                    if not self.down.is_set():
                        self.sample()
                self.stop.set()
                for thread in threads:
                    thread.join()
                self.sim.clear()
                self.rest()
        return self.findings

    # The end

    def until(self, true, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if true():
                return True
            time.sleep(0.1)
        return False

    def note(self, name: str, good: bool, what: str) -> None:
        self.findings[name] = ("" if good else "WRONG: ") + what

    def rest(self) -> None:
        g = self.gateway
        empty = self.until(lambda: g.get("/v1/wallet/").json()["held"] == 0, 90)
        self.note("comes to rest", empty, f"held {g.get('/v1/wallet/').json()['held']} credits")

        def pending() -> int:
            with contextlib.closing(sqlite3.connect(f"file:{g.data}/gateway.db?mode=ro", uri=True)) as rows:
                return rows.execute("SELECT count(*) FROM deliveries WHERE state = 'pending'").fetchone()[0]

        delivered = self.until(lambda: pending() == 0, 60)
        self.note("webhook backlog", delivered, f"{pending()} left, {len(self.receiver.ids)} events received")
        verified = g.cli("credits", "verify", check=False)
        self.note("ledger", verified.returncode == 0, " ".join((verified.stdout or verified.stderr).split()))
        wallet = g.get("/v1/wallet/").json()
        total = wallet["balance"] + wallet["held"] + wallet["spent"]
        self.note("credits", total == self.granted, f"balance + held + spent = {total}")

        states: Counter[str] = Counter()
        open_tasks = []
        everything = sorted(self.acknowledged)
        for start in range(0, len(everything), 100):
            answer = g.post("/v1/generation-request/status/", json={"task_ids": everything[start : start + 100]})
            found = answer.raise_for_status().json()
            for status in found["items"]:
                states[status["state"]] += 1
                if status["status"] not in ("FINISHED", "FAILED"):
                    open_tasks.append(status["task_id"])
            states["missing"] += len(found["not_found"])
        good = not open_tasks and states["missing"] == 0 and sum(states.values()) == len(everything)
        # With a fault a second many fail or run out of time; most do not.
        good = good and states["finished"] > len(everything) / 4
        self.note("acknowledged tasks", good, f"{len(everything)}: " + ", ".join(f"{n} {c}" for n, c in sorted(states.items())))
        attempts = sum(row["attempts"] for row in g.admin("GET", "/admin/v1/stats")["items"])
        bought = sum(self.sim.count(provider, "bought") for provider in PROVIDERS)
        self.note("bought", 0 < bought <= attempts, f"{bought} jobs in {attempts} attempts")
        self.note("answers", not self.wrong, "; ".join(self.wrong[:3]) or tell(self.done))
        drafts = list((g.data / "assets/drafts").iterdir())
        self.note("drafts", not drafts, f"{len(drafts)} left")

        # One process since the last kill; the first half of its life is for warming up.
        settled = [s for s in self.samples if s[0] > self.seconds * 0.5]
        if len(settled) > 3:
            slope = statistics.linear_regression([s[0] / 60 for s in settled], [s[1] / 1024 for s in settled]).slope
            long_enough = self.seconds >= 600
            self.note("memory", not long_enough or slope < SLOPE_KB_A_MINUTE,
                      f"{settled[-1][1] / 1e6:.1f} MB, slope {slope:+.0f} KB a minute")  # fmt: skip
            most = max(s[2] for s in settled)
            self.note("descriptors", most < 1200, f"{settled[-1][2]} at the end, {most} at most")
            log = max(s[3] for s in settled)
            self.note("database log", log < WAL_BYTES, f"{log / 1e6:.1f} MB at most")


def tell(done: Counter) -> str:
    return ", ".join(f"{count} {name}" for name, count in done.most_common())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=30)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--clients", type=int, default=6)
    asked = arguments.parse_args()
    print(f"soak for {asked.minutes:g} minutes, seed {asked.seed}", flush=True)
    findings = Soak(asked.minutes * 60, asked.seed, asked.clients).run()
    for name, what in findings.items():
        print(f"{name:20} {what}")
    sys.exit(any(what.startswith("WRONG") for what in findings.values()))


if __name__ == "__main__":
    main()
