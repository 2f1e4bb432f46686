#!/usr/bin/env python3
"""SIGKILL at random moments while work goes on at four providers, and then the books.

    make chaos SEED=1 ROUNDS=200          or: Tests/blackbox/chaos.py --seed 1 --rounds 200

A gateway is killed `rounds` times, a tenth of the times while it starts, and started again on the same data; meanwhile
a client keeps tasks in flight and retries with its Idempotency-Key, and the providers do wrong now and then, by the
same seed. When all has ended:

- every task that was acknowledged ended, and no submit became two tasks;
- what the simulator sold for a task is what the attempts say: one job each, none for a refused one, and no second
  attempt unless the provider itself said that the first bought nothing or came to nothing;
- the ledger verifies, nothing is held, finished is settled and everything else refunded;
- every model that was promised can be fetched and is a GLB.

Prints the seed and what happened; ends with 1 and what is wrong otherwise.
"""

from __future__ import annotations

import argparse
import base64
import collections
import hashlib
import http.client
import json
import pathlib
import random
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from gateway import free_port, png  # noqa: E402
from work_house import PROVIDERS, Simulator, work_gateway  # noqa: E402

# What providers do wrong meanwhile, each now and then, once.
MISDEEDS = [
    {"route": "submit", "status": 500},
    {"route": "submit", "status": 429, "headers": {"Retry-After": "1"}},
    {"route": "submit", "lose": True},
    {"route": "submit", "hang": "after"},
    {"route": "submit", "delay": 0.2},
    {"route": "look", "status": 503},
    {"route": "look", "close": True},
    {"route": "asset", "status": 500},
    {"route": "asset", "cut": 100},
    {"fate": {"end": "fails", "code": "runner_server_error"}},
    {"fate": {"end": "no_model"}},
]


@dataclass
class Order:
    """One task as the client wants it."""

    number: int
    body: dict
    results: int
    mark: str  # what a provider sees of it and of no other
    task: str | None = None
    status: dict | None = None
    cancel: bool = False


class Client:
    """Keeps orders in flight, whatever becomes of the gateway."""

    def __init__(self, port: int, key: str, rng: random.Random, in_flight: int):
        self.port, self.key, self.rng, self.in_flight = port, key, rng, in_flight
        self.orders: list[Order] = []
        self.open: collections.deque[Order] = collections.deque()
        self.lock = threading.Lock()
        self.is_ending = False
        self.wrong: list[str] = []
        self.threads = [threading.Thread(target=self.run) for _ in range(4)]

    def order(self) -> Order:
        number = len(self.orders)
        body: dict = {"metadata": {"number": str(number)}, "seed": 1000 + number}
        results = 1
        if self.rng.random() < 0.25:
            picture = png(salt=0, colour=(number % 251, number // 251 % 251, number // 63001))
            body["image"] = base64.b64encode(picture).decode()
            mark = hashlib.sha256(picture).hexdigest()
        else:
            mark = f"https://example.com/{number}.png"
            body["image_url"] = mark
        if self.rng.random() < 0.15:
            body["number_results"] = results = 2
        order = Order(number, body, results, mark, cancel=self.rng.random() < 0.08)
        self.orders.append(order)
        return order

    def next(self) -> Order | None:
        with self.lock:
            if len(self.open) < self.in_flight and not self.is_ending:
                return self.order()
            return self.open.popleft() if self.open else None

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while True:
            order = self.next()
            if order is None:
                if self.is_ending:
                    return
                time.sleep(0.01)
                continue
            try:
                self.advance(connection, order)
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.02)
            if order.status is None:
                with self.lock:
                    self.open.append(order)

    def ask(self, connection, method: str, path: str, body: dict | None = None, key: str | None = None):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def advance(self, connection, order: Order) -> None:
        """One step: the submit until it is acknowledged, then a look."""
        if order.task is None:
            status, body = self.ask(
                connection, "POST", "/v1/3d-models/trellis2/generate/", order.body, f"order-{order.number}"
            )
            if status == 200:
                order.task = body["task_id"]
            elif status not in (429, 500, 503):
                self.wrong.append(f"submit {order.number}: {status} {body}")
                order.status = {}
            return
        if order.cancel:
            order.cancel = False
            self.ask(connection, "POST", f"/v1/generation-request/{order.task}/cancel/")
        status, body = self.ask(connection, "GET", f"/v1/generation-request/{order.task}/status/")
        if status == 404:
            self.wrong.append(f"task {order.task} was acknowledged and is gone")
            order.status = {}
        elif status == 200 and body["status"] in ("FINISHED", "FAILED"):
            order.status = body
        else:
            time.sleep(0.005)


class Chaos:
    def __init__(self, seed: int, rounds: int, tasks: int = 100, scale: float = 0.02):
        self.seed, self.rounds, self.tasks, self.scale = seed, rounds, tasks, scale
        self.rng = random.Random(seed)
        self.jobs: dict[tuple[str, str], dict] = {}
        self.counts: collections.Counter = collections.Counter()

    def run(self) -> list[str]:
        """What is wrong: nothing, it is hoped."""
        providers = self.rng.sample(PROVIDERS, 4)
        print(f"seed {self.seed}: {self.rounds} kills, {self.tasks} tasks in flight, {', '.join(providers)}", flush=True)
        port = free_port()
        config = {
            "public_url": f"http://127.0.0.1:{port}",
            "polling": {"scale": self.scale},
            # An unknown outcome that nobody can clear up is refunded then.
            "limits": {"task_deadline": 12, "reads_per_minute": 10_000_000},
            "providers": {name: {"timeout": 0.5, "requests_per_minute": None, "concurrency": 40} for name in providers},
            "routing": {"strategy": "weighted"},
        }
        with Simulator(scale=self.scale) as sim:
            sim.settings(requests_per_minute={name: None for name in PROVIDERS})
            with work_gateway({name: sim for name in providers}, config, port=port, log_level="info") as gateway:
                client = Client(port, gateway.key, random.Random(self.seed + 1), self.tasks)
                for thread in client.threads:
                    thread.start()
                self.fill(client)
                began = time.monotonic()
                for number in range(self.rounds):
                    self.round(gateway, sim, providers, number)
                took = time.monotonic() - began
                sim.clear()
                client.is_ending = True
                for thread in client.threads:
                    thread.join(90)
                wrong = client.wrong + self.judge(gateway, sim, client)
        self.counts["kills"] = self.rounds
        print("  " + ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items())) + f" in {took:.0f} s")
        return wrong

    def fill(self, client: Client) -> None:
        end = time.monotonic() + 60
        while sum(order.task is not None for order in list(client.orders)) < self.tasks * 0.9 and time.monotonic() < end:
            time.sleep(0.02)

    def round(self, gateway, sim: Simulator, providers: list[str], number: int) -> None:
        for _ in range(self.rng.randrange(3)):
            sim.fault(provider=self.rng.choice(providers), times=1, **self.rng.choice(MISDEEDS))
        time.sleep(self.rng.uniform(0, 0.8))
        gateway.kill()
        if self.rng.random() < 0.1:
            gateway.spawn()
            time.sleep(self.rng.uniform(0, 0.2))
            gateway.kill()
            self.counts["kills while starting"] += 1
        gateway.start()
        if number % 5 == 4:
            self.harvest(sim)

    def harvest(self, sim: Simulator) -> None:
        for provider in PROVIDERS:
            for job in sim.jobs(provider):
                self.jobs[provider, job["id"]] = job

    def judge(self, gateway, sim: Simulator, client: Client) -> list[str]:
        wrong = [f"order {o.number} ({o.task}) never ended" for o in client.orders if o.status is None]
        self.harvest(sim)
        sold = sum(sim.count(provider, "bought") for provider in PROVIDERS)
        if sold != len(self.jobs):
            wrong.append(f"the simulator sold {sold} jobs and shows {len(self.jobs)}")
        by_mark = self.sort_jobs(client)
        tasks = collections.Counter(order.task for order in client.orders)
        wrong += [f"task {task} answers {n} orders" for task, n in tasks.items() if task and n > 1]
        spent = 0
        for order in client.orders:
            if order.task and order.status:
                problems, credits = self.judge_order(gateway, order, by_mark[order.mark])
                wrong += [f"order {order.number} ({order.task}): {problem}" for problem in problems]
                spent += credits
        wallet = gateway.get("/v1/wallet/").json()
        if wallet["held"] != 0:
            wrong.append(f"{wallet['held']} credits are still held")
        if wallet["spent"] != spent:
            wrong.append(f"{wallet['spent']} credits spent, but what was finished cost {spent}")
        verified = gateway.cli("credits", "verify", check=False)
        if verified.returncode:
            wrong.append(f"the ledger: {verified.stdout}{verified.stderr}")
        self.counts["tasks"] = len(client.orders)
        self.counts["jobs sold"] = sold
        return wrong

    def sort_jobs(self, client: Client) -> dict[str, list[dict]]:
        """Each job to the order whose picture it shows."""
        marks = {order.mark for order in client.orders}
        by_mark: dict[str, list[dict]] = collections.defaultdict(list)
        for job in self.jobs.values():
            mark = next(text for text in map(mark_of, texts(job["input"])) if text in marks)
            by_mark[mark].append(job)
        return by_mark

    def judge_order(self, gateway, order: Order, jobs: list[dict]) -> tuple[list[str], int]:
        wrong = []
        story = gateway.admin("GET", f"/admin/v1/tasks/{order.task}")
        attempts = story["attempts"]
        self.counts[story["answered"]["state"]] += 1
        # By provider: refused ones bought nothing, unknown and abandoned ones at most one, the others one each.
        for provider in {a["provider"] for a in attempts} | {job["provider"] for job in jobs}:
            outcomes = [a["outcome"] for a in attempts if a["provider"] == provider]
            least = sum(o in ("succeeded", "failed") for o in outcomes)
            most = sum(o != "refused" for o in outcomes)
            sold = sum(job["provider"] == provider for job in jobs)
            if not least <= sold <= most:
                wrong.append(f"{provider} sold {sold} jobs for attempts {outcomes}")
        slots: dict[int, list[dict]] = collections.defaultdict(list)
        for attempt in attempts:
            slots[attempt["slot"]].append(attempt)
        for tries in slots.values():
            for earlier in tries[:-1]:
                if earlier["outcome"] not in ("refused", "failed"):
                    wrong.append(f"it was sent again after {earlier['outcome']} at {earlier['provider']}")
            if any(a["outcome"] == "unknown" for a in tries):
                self.counts["of unknown outcome"] += 1
            self.counts["attempts"] += len(tries)
        credits = 0
        if order.status["status"] == "FINISHED":
            models = [r["asset"] for r in order.status["results"] if r.get("asset")]
            credits = 20 * len(models)
            if not 1 <= len(models) <= order.results:
                wrong.append(f"{len(models)} models of {order.results}")
            for url in models:
                answer = gateway.request("GET", url, key=None)
                if answer.status_code != 200 or answer.content[:4] != b"glTF":
                    wrong.append(f"its model answers {answer.status_code}")
        moved: collections.Counter = collections.Counter()
        for posting in story["charged"]["postings"]:
            moved[posting["kind"]] += posting["amount"]
        if (moved["hold"], moved["settle"], moved["refund"]) != (20 * order.results, credits, 20 * order.results - credits):
            wrong.append(f"{dict(moved)} with {credits} earned")
        return wrong, credits


def texts(value) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in texts(one)]


def mark_of(text: str) -> str:
    """The part of a picture's address, or of its bytes, that tells orders apart."""
    path = urllib.parse.urlsplit(text).path if text.startswith("http") else ""
    if "/v1/inputs/" in path:
        return path.rsplit("/", 1)[1].split(".")[0]
    if path:
        return text
    try:
        return hashlib.sha256(base64.b64decode(text.split(",")[-1], validate=True)).hexdigest()
    except ValueError:
        return text


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--seed", type=int, default=None, help="by default another one each time")
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--tasks", type=int, default=100, help="in flight")
    options.add_argument("--scale", type=float, default=0.04, help="of the providers' time")
    options = options.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    wrong = Chaos(seed, options.rounds, options.tasks, options.scale).run()
    for line in wrong[:40]:
        print(f"WRONG: {line}")
    print("nothing is wrong" if not wrong else f"{len(wrong)} things are wrong; repeat with --seed {seed}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
