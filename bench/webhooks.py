#!/usr/bin/env python3
"""Webhooks: how fast they go out, and what a receiver that never answers does to the others.

    make bench-webhooks        or: bench/webhooks.py [--rounds 5] [--deliveries 32000] [--only rate|tarpit]

rate    DELIVERIES to nginx, which answers each with `return 200`: by a release build of the gateway (four endpoints of
        one account, 16 in flight each; read from the store, signed, sent, and every attempt written down durably), and by
        bench/peers/post-multi.c, the least a program around libcurl can be, which sends the same bytes with as many in
        flight. Rounds are interleaved; figures are medians, the ratio that of the rounds' ratios. Beside it the share of
        one core that nginx took: the receiver must not be what is measured. Wanted: 0.6.
tarpit  1 000 deliveries wait for a receiver that accepts and never says a word. From the request that makes an event
        until it arrived at a healthy endpoint of the same account. Wanted: p99 under a second.

Ends with 1 when one of the two is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("TRELLIS_BIN_DIR", str(ROOT / ".build/release"))
os.environ["PATH"] += ":/usr/sbin"
sys.path.insert(0, str(ROOT / "Tests/blackbox"))

from gateway import Gateway  # noqa: E402

ENDPOINTS = "/v1/webhook-endpoints/"
SUBMIT = "/v1/3d-models/trellis2/generate/"
WISH = {"image_url": "https://example.com/chair.png", "textures": True}
TICK = os.sysconf("SC_CLK_TCK")
CONFIG = {
    "limits": {"concurrent_tasks": 100_000, "requests_per_minute": 10_000_000},
    # One long task takes the only place there is: all others wait until they are canceled.
    "providers": {"sandbox": {"duration": 600, "concurrency": 1}},
    "shutdown": {"drain": 1},
}
# What a client of HTTP puts there by itself.
OWN_HEADERS = {"host", "content-length", "accept"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    def __init__(self, directory: str):
        self.port = free_port()
        config = pathlib.Path(directory, "nginx.conf")
        paths = "".join(f"{kind}_temp_path {directory}/{kind};" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
        config.write_text(f"""
daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; tcp_nodelay on; keepalive_timeout 300; keepalive_requests 100000000; {paths}
  server {{ listen 127.0.0.1:{self.port} backlog=4096; location / {{ return 200; }} }}
}}
""")
        self.process = subprocess.Popen(["nginx", "-c", config, "-p", directory], stderr=subprocess.DEVNULL)
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            time.sleep(0.01)

    def cpu(self) -> float:
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        total = 0
        for pid in children:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Healthy(http.server.BaseHTTPRequestHandler):
    """Keeps when each task's event arrived, and how the first one looked."""

    protocol_version = "HTTP/1.1"
    arrived: dict[str, float] = {}
    first: tuple[list[tuple[str, str]], bytes] | None = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        now = time.perf_counter()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        Healthy.first = Healthy.first or (self.headers.items(), body)
        Healthy.arrived.setdefault(json.loads(body)["data"].get("task_id"), now)

    def log_message(self, *_: object) -> None:
        pass


class Receiver:
    def __enter__(self) -> str:
        Healthy.arrived, Healthy.first = {}, None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Shop:
    """Makes events the cheapest way there is: tasks that are submitted, wait, and are canceled."""

    def __init__(self, gateway: Gateway):
        self.connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
        self.headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}
        first = self.submit()
        until(lambda: gateway.status(first)["state"] == "running")

    def ask(self, method: str, path: str, body: object = None) -> dict:
        self.connection.request(method, path, None if body is None else json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        return json.loads(text or b"null")

    def endpoint(self, url: str, **fields: object) -> str:
        return self.ask("POST", ENDPOINTS, {"url": url, "events": ["task.canceled"]} | fields)["id"]

    def submit(self) -> str:
        return self.ask("POST", SUBMIT, WISH)["task_id"]

    def cancel(self, task: str) -> None:
        self.ask("POST", f"/v1/generation-request/{task}/cancel/")


def until(condition, seconds: float = 120, pause: float = 0.02) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(pause)


def rate(rounds: int, tasks: int, endpoints: int) -> bool:
    with tempfile.TemporaryDirectory() as directory, \
            Gateway(config=CONFIG, credits=100_000_000, log_level="info") as gateway:  # fmt: skip
        os.chmod(directory, 0o755)
        shop = Shop(gateway)
        with Receiver() as url:
            seen = shop.endpoint(url)
            shop.cancel(shop.submit())
            until(lambda: Healthy.first)
            shop.ask("DELETE", f"{ENDPOINTS}{seen}/")
        headers, body = Healthy.first
        lines = [f"{name}: {value}" for name, value in headers if name.lower() not in OWN_HEADERS]
        request = pathlib.Path(directory, "request")
        request.write_bytes("\n".join(lines).encode() + b"\n\n" + body)
        source = ROOT / "bench/peers/post-multi.c"
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", f"{directory}/bare", source, "-lcurl"], check=True)

        nginx = Nginx(directory)
        url = f"http://127.0.0.1:{nginx.port}/hook"
        names = [shop.endpoint(url) for _ in range(endpoints)]
        for _ in range(tasks):
            shop.cancel(shop.submit())
        count = len(names) * tasks
        until(lambda: delivered(gateway) == count + 1)
        gateway.stop()
        print(f"rate     {count} deliveries of {len(body)} bytes, {len(names)} endpoints, {16 * len(names)} in flight")
        print("          gateway/s      bare/s   ratio   CPU each   nginx's core")
        results = []
        for number in range(rounds):
            # The same once more, at a moment when the gateway has long been up.
            due = time.time() + 2
            with contextlib.closing(sqlite3.connect(gateway.data / "gateway.db")) as rows, rows:
                rows.execute("DELETE FROM delivery_attempts")
                rows.execute(
                    "UPDATE deliveries SET state = 'pending', due_at = ?, ended_at = NULL, tries = 0 WHERE url = ?",
                    (int(due * 1000), url),
                )
            gateway.start()
            assert time.time() < due, "it took too long to start"
            time.sleep(due - time.time())
            used, own = nginx.cpu(), cpu(gateway.pid)
            until(lambda: delivered(gateway) == count, pause=0.05)
            own, used = cpu(gateway.pid) - own, nginx.cpu() - used
            gateway.stop()
            with contextlib.closing(sqlite3.connect(gateway.data / "gateway.db")) as rows:
                last = "SELECT max(began_at + milliseconds), count(*) FROM delivery_attempts WHERE status = 200"
                end, written = rows.execute(last).fetchone()
            assert written == count, f"{written} attempts written down of {count}"
            took = end / 1000 - due
            shares = [used / took]
            used, began = nginx.cpu(), time.perf_counter()
            bare = float(subprocess.run([f"{directory}/bare", url, str(16 * len(names)), str(count), request], check=True,
                                        capture_output=True, text=True).stdout)  # fmt: skip
            shares.append((nginx.cpu() - used) / (time.perf_counter() - began))
            results.append((count / took, bare, count / took / bare, own / count * 1e6))
            print(f"         {results[-1][0]:10.0f} {bare:11.0f} {results[-1][2]:7.2f} {results[-1][3]:7.0f} µs"
                  f"   {shares[0]:4.0%} / {shares[1]:4.0%}", flush=True)  # fmt: skip
        nginx.stop()
        middle = [statistics.median(column) for column in zip(*results)]
        print(f"medians  {middle[0]:10.0f} {middle[1]:11.0f} {middle[2]:7.2f} {middle[3]:7.0f} µs   (wanted: 0.6)")
        return middle[2] >= 0.6


def metrics(gateway: Gateway, *names: str) -> list[int]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {gateway.key}"})
    page = connection.getresponse().read().decode()
    connection.close()
    return [int(re.search(rf"^{re.escape(name)} (\d+)", page, re.M)[1]) for name in names]


def delivered(gateway: Gateway) -> int:
    """How many were delivered since its start; -1 as long as something waits or is not written down."""
    waits, count = metrics(gateway, "trellis_webhook_backlog", 'trellis_webhook_attempts_total{outcome="delivered"}')
    return -1 if waits else count


def cpu(pid: int) -> float:
    """Seconds of processor time so far. The scheduler's own sum: ticks are too coarse."""
    total = 0
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((thread / "schedstat").read_text().split()[0])
        except (OSError, IndexError):
            pass
    return total / 1e9


def tarpit(events: int = 500) -> bool:
    silent = socket.create_server(("127.0.0.1", 0), backlog=1024)
    kept: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                kept.append(silent.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    with Gateway(config=CONFIG, credits=100_000_000, log_level="info") as gateway, Receiver() as url:
        shop = Shop(gateway)
        shop.endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        for _ in range(1000):
            shop.cancel(shop.submit())
        until(lambda: kept)
        shop.endpoint(url)
        asked = {}
        for _ in range(events):
            task = shop.submit()
            asked[task] = time.perf_counter()
            shop.cancel(task)
            time.sleep(0.01)
        until(lambda: len(Healthy.arrived) >= events)
        took = sorted((Healthy.arrived[task] - began) * 1000 for task, began in asked.items())
        p99 = took[len(took) * 99 // 100]
        print(f"tarpit   {metrics(gateway, 'trellis_webhook_backlog')[0]} deliveries wait, {len(kept)} connections held")
        print(f"         healthy endpoint, {events} events: p50 {took[len(took) // 2]:.1f} ms, p99 {p99:.1f} ms,"
              f" longest {took[-1]:.1f} ms   (wanted: p99 under 1000)", flush=True)  # fmt: skip
        silent.close()
        return p99 < 1000


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--deliveries", type=int, default=32000)
    options.add_argument("--endpoints", type=int, default=4)
    options.add_argument("--only", choices=["rate", "tarpit"])
    options = options.parse_args()
    good = True
    if options.only != "tarpit":
        good &= rate(options.rounds, options.deliveries // options.endpoints, options.endpoints)
    if options.only != "rate":
        good &= tarpit()
    sys.exit(not good)


if __name__ == "__main__":
    main()
