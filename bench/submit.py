#!/usr/bin/env python3
"""A submit with a large picture in base64: how fast it is taken, and how much memory it takes.

    bench/submit.py [--megabytes 20] [--rounds 7]

Sends the same body again and again to a release build over loopback and prints the median of body bytes a second, by
the gateway's own Server-Timing (from the request's first byte to its answer, so the transfer is in it), and the peak of
the resident memory above idle, in bodies. The quote takes the same way up to the decoded and checked picture; the
submit also keeps the picture on disk, durably, and writes the task. A long job takes the only place there is, so that
what is submitted waits: what the sandbox makes of a picture is not measured here. Ends with 1 when the median is under
--rate, or the peak over --bodies.
"""

import argparse
import base64
import os
import pathlib
import re
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("TRELLIS_BIN_DIR", str(ROOT / ".build/release"))
sys.path.insert(0, str(ROOT / "Tests/blackbox"))

from gateway import Gateway, png  # noqa: E402


def memory(gateway, field: str) -> int:
    text = pathlib.Path(f"/proc/{gateway.pid}/status").read_text()
    return int(re.search(field + r":\s+(\d+) kB", text).group(1)) * 1024


def milliseconds(answer) -> float:
    return float(re.search(r"dur=([0-9.]+)", answer.headers["Server-Timing"]).group(1))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--megabytes", type=int, default=20)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--rate", type=float, default=300, help="MB/s of body, at least, by the client's clock")
    options.add_argument("--bodies", type=float, default=3, help="bodies of memory above idle, at most")
    options = options.parse_args()
    size = options.megabytes * 1_000_000

    def body(salt: int) -> bytes:
        # A real PNG's head; what follows its end is carried along, so the length can be chosen freely.
        picture = png(salt=salt)
        picture += os.urandom(size * 3 // 4 - len(picture) - 64)
        return b'{"image":"' + base64.b64encode(picture) + b'"}'

    bodies = [body(salt) for salt in range(3)]
    limits = {"requests_per_minute": 1_000_000}
    with Gateway(config={"limits": limits, "providers": {"sandbox": {"duration": 600, "concurrency": 1}}}, log_level="info") as gateway:
        headers = {"Content-Type": "application/json"}
        gateway.post("/v1/3d-models/trellis2/quote/", content=bodies[0][:-2], headers=headers)
        first = gateway.submit()
        while gateway.status(first)["state"] != "running":
            time.sleep(0.02)
        idle = memory(gateway, "VmRSS")
        print(f"body {len(bodies[0]) / 1e6:.1f} MB, idle {idle / 1e6:.1f} MB")
        short = False
        for name in ["quote", "generate"]:
            pathlib.Path(f"/proc/{gateway.pid}/clear_refs").write_text("5")
            took, own = [], []
            for number in range(options.rounds):
                content = bodies[number % len(bodies)]
                began = time.perf_counter()
                answer = gateway.post(f"/v1/3d-models/trellis2/{name}/", content=content, headers=headers)
                took.append(time.perf_counter() - began)
                assert answer.status_code == 200, answer.text
                if "Server-Timing" in answer.headers:
                    own.append(milliseconds(answer) / 1000)
            peak = memory(gateway, "VmHWM") - idle
            rate = len(bodies[0]) / statistics.median(took) / 1e6
            line = f"{name:9} client {rate:7.0f} MB/s"
            if own:
                line += f"   gateway {len(bodies[0]) / statistics.median(own) / 1e6:7.0f} MB/s"
            short |= rate < options.rate or peak > options.bodies * len(bodies[0])
            print(f"{line}   peak above idle {peak / 1e6:6.1f} MB = {peak / len(bodies[0]):.2f} bodies")
    sys.exit(short)


if __name__ == "__main__":
    main()
