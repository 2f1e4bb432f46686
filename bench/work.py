#!/usr/bin/env python3
"""The back of the house: what a poll costs, how soon an upstream's result is the customer's, and how a queue drains.

    make bench-work            or: bench/work.py [polls] [latency] [drain]

Release builds of gateway and simulator on loopback. Prints medians over rounds.

polls    1 000 jobs that do not end, half at fal and half at Runware: processor time of the gateway for each look the
         simulator saw, and its threads. Beside it the same at 100 jobs: what a look costs must not know how many run.
latency  from the moment the job is done at the provider, which calls back, until the customer's webhook has arrived
         and a long poll has answered FINISHED: download, check, stripping of textures and two commits are in it.
drain    2 500 and 10 000 sandbox jobs queued, then let go: seconds, and the gateway's processor time for each job. Once
         with jobs that fail halfway, which is all the queue costs; once with a model each, which the sandbox makes in the
         same process and the disk takes: there the machine's memory for fresh files is measured as well.
"""

from __future__ import annotations

import concurrent.futures
import http.client
import http.server
import json
import os
import pathlib
import re
import statistics
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("TRELLIS_BIN_DIR", str(ROOT / ".build/release"))
sys.path.insert(0, str(ROOT / "Tests/blackbox"))

from gateway import Gateway, data_uri, free_port  # noqa: E402
from work_house import Simulator, reload, until, work_gateway  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
CHAIR = "https://example.com/chair.png"


def cpu(gateway) -> float:
    """Seconds of processor time so far. The scheduler's own sum: ticks are too coarse."""
    total = 0
    for thread in pathlib.Path(f"/proc/{gateway.pid}/task").iterdir():
        try:
            total += int((thread / "schedstat").read_text().split()[0])
        except (OSError, IndexError):
            pass
    return total / 1e9


def threads(gateway) -> int:
    text = pathlib.Path(f"/proc/{gateway.pid}/status").read_text()
    return int(re.search(r"Threads:\s+(\d+)", text).group(1))


def submit_many(gateway, count: int, **body) -> None:
    """From a few connections at once."""
    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}

    def some(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
        for _ in range(number):
            connection.request("POST", "/v1/3d-models/trellis2/generate/", json.dumps(body or {"image_url": CHAIR}), headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(some, [count // 8 + (n < count % 8) for n in range(8)]))


def measure(gateway, count, seconds: float) -> dict[str, float]:
    """What passes in a while: processor time, what `count` counts, commits."""
    commits = lambda: gateway.metrics()["trellis_store_commits_total"]  # noqa: E731
    before, at = (cpu(gateway), count(), commits()), time.monotonic()
    time.sleep(seconds)
    after, took = (cpu(gateway), count(), commits()), time.monotonic() - at
    used, number, committed = (b - a for a, b in zip(before, after))
    return {"each": used / number * 1e6, "rate": number / took, "commits": committed / took, "threads": threads(gateway)}


def polls(rounds: int = 5, seconds: float = 4) -> None:
    names = ["fal", "runware"]
    # Every job is looked at once a second.
    config = {
        "polling": {"scale": 0.05, "shortest": 20, "longest": 20},
        "providers": {name: {"concurrency": 2000, "timeout": 30} for name in names},
        "limits": {"task_deadline": 3600},
    }
    print("polls    jobs    looks/s   CPU per look   commits/s   threads")
    for jobs in (100, 1000):
        with Simulator(scale=1) as sim, work_gateway({n: sim for n in names}, config, log_level="info") as gateway:
            sim.settings(durations={name: 100_000 for name in names})
            for name in names:
                submit_many(gateway, jobs // 2, image_url=CHAIR, provider=name)
            looks = lambda: sum(sim.count(name, "look") for name in names)  # noqa: E731
            until(lambda: looks() > 2 * jobs, 60)
            runs = [measure(gateway, looks, seconds) for _ in range(rounds)]
            middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            few, many = (pick(run["threads"] for run in runs) for pick in (min, max))
            print(
                f"         {jobs:4} {middle['rate']:10.0f} {middle['each']:11.1f} µs {middle['commits']:11.0f}"
                f" {few:6.0f}-{many:.0f}", flush=True,
            )  # fmt: skip


class Receiver(http.server.BaseHTTPRequestHandler):
    """The customer: when each task's end arrived."""

    arrived: dict[str, float] = {}
    news = threading.Condition()

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        now = time.perf_counter()
        self.send_response(204)
        self.end_headers()
        if event["type"] == "task.finished":
            with self.news:
                self.arrived[event["data"]["task_id"]] = now
                self.news.notify_all()

    def log_message(self, *_: object) -> None:
        pass


def latency(tasks: int = 100) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hook = f"http://127.0.0.1:{server.server_port}/"
    port = free_port()
    config = {
        "public_url": f"http://127.0.0.1:{port}",
        # Nobody is looked at by the clock: the call alone counts.
        "polling": {"scale": 1, "shortest": 300, "longest": 600},
        "webhooks": {"schedule": [0, 5]},
    }
    print("latency              p50       p90       max")
    for name, textures in (("fal", True), ("fal", False), ("pixazo", True)):
        with Simulator(scale=1, faces=2000) as sim, work_gateway({name: sim}, config, port=port, log_level="info") as gateway:
            sim.settings(durations={name: 100_000})
            took = []
            for number in range(tasks + 5):
                task = gateway.submit({"image_url": CHAIR, "textures": textures, "webhook_url": hook})
                until(lambda: gateway.status(task)["state"] == "running")
                job = sim.jobs(name)[-1]
                ended: list[float] = []

                def wait(task: str = task, ended: list[float] = ended) -> None:
                    assert gateway.status(task, params={"wait": 0})["status"] != "FINISHED"
                    gateway.finished(task)
                    ended.append(time.perf_counter())

                waiter = threading.Thread(target=wait)
                waiter.start()
                time.sleep(0.05)
                begin = time.perf_counter()
                sim.control("POST", f"/jobs/{name}/{job['id']}", {"start": True, "finish": True})
                waiter.join()
                with Receiver.news:
                    assert Receiver.news.wait_for(lambda: task in Receiver.arrived, 30)
                if number >= 5:
                    took.append((max(ended[0], Receiver.arrived[task]) - begin) * 1000)
            took.sort()
            what = f"{name}, {'textured' if textures else 'stripped'}"
            print(f"  {what:16} {took[len(took) // 2]:6.1f} ms {took[len(took) * 9 // 10]:6.1f} ms {took[-1]:6.1f} ms", flush=True)
    server.shutdown()


def drain() -> None:
    config = {
        "polling": {"scale": 0.001},
        # Full from the start: all that is submitted waits.
        "providers": {"sandbox": {"duration": 0.01, "concurrency": 0}},
        "limits": {"concurrent_tasks": 100_000, "requests_per_minute": 10_000_000},
        # Jobs that are meant to fail say nothing of the sandbox.
        "routing": {"breaker": {"minimum_answers": 100_000, "failures_in_a_row": 100_000}},
    }
    print("drain              jobs   seconds    jobs/s   CPU per job")
    for what, metadata in (("no file", {"sandbox": "fail"}), ("a model each", {})):
        rates = {}
        for jobs in (2500, 10_000):
            with Gateway(config=config, credits=10_000_000, log_level="info") as gateway:
                submit_many(gateway, jobs // 4, image=data_uri(), number_results=4, metadata=metadata)
                begin, used = time.monotonic(), cpu(gateway)
                reload(gateway, providers={"sandbox": {"concurrency": 64}})
                until(lambda: gateway.get("/v1/wallet/").json()["held"] == 0 or time.sleep(0.05), 200)
                took, used = time.monotonic() - begin, cpu(gateway) - used
                rates[jobs] = jobs / took
                assert gateway.get("/v1/wallet/").json()["spent"] == (0 if metadata else 20 * jobs)
                print(f"  {what:14} {jobs:6} {took:9.1f} {jobs / took:9.0f} {used / jobs * 1e6:10.0f} µs", flush=True)
        print(f"                 four times the jobs take {4 * rates[2500] / rates[10_000]:.2f} times as long", flush=True)


def main() -> None:
    parts = {"polls": polls, "latency": latency, "drain": drain}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
