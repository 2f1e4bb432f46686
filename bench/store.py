#!/usr/bin/env python3
"""The store against SQLite itself: durable submits, status reads, and what looking for work costs as the past grows.

    bench/store.py [--rounds 5] [--seconds 1.5] [--sizes 1000,100000,1000000] [--only submit,http,status,claims]

Each round runs, one after the other on fresh databases: a bare loop over SQLite's C API (the product's schema and
statements of one submit, batches of 32), the store with one commit for each request, the store with group commit at 1, 8
and 64 waiting writers, and the release gateway over HTTP with wrk at 64 connections. Ratios are taken within a round and
their median is printed, so that what else the machine does happens to both sides. All are synchronous=FULL.

Fails when group commit at 64 is not 5 times one commit a request, 0.8 of the bare loop, or slower than 20 ms at the 99th
percentile; when HTTP is under 0.6 of the bare loop; or when a look for work is not flat within 1.5 from the smallest store
to the largest.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("TRELLIS_BIN_DIR", str(ROOT / ".build/release"))
sys.path.insert(0, str(ROOT / "Tests/blackbox"))

from gateway import Gateway  # noqa: E402

PROGRAM = ROOT / ".build/release/bench-store"
CONNECTIONS = 64
# Work is accepted and stays queued, so that what is measured is the submit alone.
CONFIG = {
    "limits": {"requests_per_minute": 100_000_000, "concurrent_tasks": 10_000_000},
    "providers": {"sandbox": {"duration": 600, "concurrency": 1}},
}
# A key of its own for every request, as clients that may retry send.
SCRIPT = """
local thread, count = 0, 0
function setup(t) t:set("number", thread); thread = thread + 1 end
function request()
  count = count + 1
  wrk.headers["Idempotency-Key"] = SEED .. "-" .. number .. "-" .. count
  return wrk.format("POST", nil, wrk.headers, '{"image_url":"https://example.com/chair.png"}')
end
"""


class Verdict:
    def __init__(self):
        self.missed = []

    def __call__(self, name: str, value: float, fits: bool, target: str, unit: str = "") -> None:
        print(f"  {name:46} {value:8.2f}{unit}  ({target}{'' if fits else ', MISSED'})")
        if not fits:
            self.missed.append(name)


def program(*words: str) -> str:
    with tempfile.TemporaryDirectory(prefix="bench-store-") as directory:
        run = subprocess.run([PROGRAM, *words, "--directory", directory], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{' '.join(words)}: {run.stdout}{run.stderr}")
    return run.stdout


def over_http(seconds: float) -> tuple[float, float]:
    """Submits a second and the 99th percentile in milliseconds."""
    with Gateway(config=CONFIG, credits=10**12, log_level="info") as gateway:
        script = gateway.home / "submit.lua"
        script.write_text(
            f'SEED = "{gateway.pid}"\nwrk.headers["Content-Type"] = "application/json"\n'
            f'wrk.headers["Authorization"] = "Bearer {gateway.key}"\n' + SCRIPT
        )
        run = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency", "-s", script,
             gateway.url + "/v1/3d-models/trellis2/generate/"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        if "Non-2xx" in run or "Socket errors" in run:
            sys.exit(f"wrk reports errors:\n{run}")
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", run)[1])
        p99, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", run).groups()
        return rate, float(p99) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def submits(options, verdict: Verdict, names: list[str]) -> None:
    rounds = []
    for _ in range(options.rounds):
        found = {}
        text = program("submit", "--rounds", "1", "--seconds", str(options.seconds))
        found["raw 32"] = float(re.search(r"batches of 32\s+(\d+)", text)[1])
        found["raw 1"] = float(re.search(r"batches of 1\s+(\d+)", text)[1])
        found["single"] = float(re.search(r"one commit a request, c=64\s+(\d+)", text)[1])
        for writers, rate, p99 in re.findall(r"group commit, c=(\d+)\s+(\d+).*p99\s+([\d.]+) ms", text):
            found[f"c={writers}"], found[f"p99 {writers}"] = float(rate), float(p99)
        if "http" in names:
            found["http"], found["p99 http"] = over_http(options.seconds)
        rounds.append(found)

    def middle(name: str, over: str | None = None) -> float:
        return statistics.median(r[name] / (r[over] if over else 1) for r in rounds)

    print(f"durable submits a second, synchronous=FULL; medians of {options.rounds} rounds of {options.seconds} s")
    print(f"  bare C API loop, batches of 32 and of 1        {middle('raw 32'):8.0f} {middle('raw 1'):8.0f}")
    print(f"  store, one commit for each request, 64 writers {middle('single'):8.0f}")
    for writers in (1, 8, 64):
        name = f"c={writers}"
        print(
            f"  store, group commit, {writers:2} waiting writers       {middle(name):8.0f}"
            f"   x{middle(name, 'single'):5.2f} of one commit each  x{middle(name, 'raw 32'):5.2f} of the bare loop"
            f"   p99 {middle(f'p99 {writers}'):6.2f} ms"
        )
    verdict("64 writers over one commit each", r := middle("c=64", "single"), r >= 5, "at least 5")
    verdict("64 writers over the bare loop", r := middle("c=64", "raw 32"), r >= 0.8, "at least 0.8")
    verdict("99th percentile at 64", r := middle("p99 64"), r <= 20, "at most 20 ms", " ms")
    if "http" in names:
        print(f"  over HTTP, 64 connections                      {middle('http'):8.0f}   p99 {middle('p99 http'):6.2f} ms")
        verdict("HTTP at 64 over the bare loop", r := middle("http", "raw 32"), r >= 0.6, "at least 0.6")


def claims(options, verdict: Verdict) -> None:
    text = program("claims", "--sizes", options.sizes)
    print(text, end="")
    rows = [list(map(float, line.split())) for line in text.splitlines() if re.match(r"\s+\d+\s", line)]
    for column, name in enumerate(["queued", "due", "overdue", "next due"], start=1):
        # A look goes to a reader's thread and back, which takes 10 to 30 µs by itself: below that the scheduler is measured.
        growth = max(rows[-1][column], 30) / max(rows[0][column], 30)
        verdict(f"{name}, {rows[-1][0]:.0f} finished over {rows[0][0]:.0f}", growth, growth <= 1.5, "at most 1.5")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=1.5)
    options.add_argument("--sizes", default="1000,100000,1000000")
    options.add_argument("--only", default="submit,http,status,claims")
    options = options.parse_args()
    names, verdict = options.only.split(","), Verdict()
    if "submit" in names or "http" in names:
        submits(options, verdict, names)
    if "status" in names:
        print(program("status", "--rounds", str(options.rounds), "--seconds", str(options.seconds / 3)), end="")
    if "claims" in names:
        claims(options, verdict)
    if verdict.missed:
        sys.exit("missed: " + "; ".join(verdict.missed))


if __name__ == "__main__":
    main()
