#!/usr/bin/env python3
"""How soon a thousand waiting clients hear of a change: event streams and long polls.

    bench/streams.py [--clients 1000] [--rounds 5] [--limit 50]

A thousand connections wait for one task; then it is canceled, and every client notes when its first byte of news
arrives. What is printed is the time from the answer to the cancel (the commit) to the first and to the last client,
the median of the rounds, and the most threads the gateway had. The clients are one epoll loop in another process than
the gateway's, on the same two cores, and each `recv` of theirs costs time that is counted here: the same loop is first
measured against a bare C-speed relay, a socket pair written by a thread, so that its own share can be told.

Rounds of streams and polls take turns, so that both meet the same machine. Ends with 1 when a median is over --limit.
"""

import argparse
import os
import pathlib
import re
import select
import socket
import statistics
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("TRELLIS_BIN_DIR", str(ROOT / ".build/release"))
sys.path.insert(0, str(ROOT / "Tests/blackbox"))

from gateway import Gateway  # noqa: E402


def threads(gateway) -> int:
    return int(re.search(r"Threads:\s+(\d+)", pathlib.Path(f"/proc/{gateway.pid}/status").read_text()).group(1))


def waiting(gateway) -> int:
    return int(float(re.search(r"^trellis_waiting (\S+)", gateway.get("/metrics").text, re.M).group(1)))


class Crowd:
    """Sockets that wait for news, and the moment each of them heard it."""

    def __init__(self, sockets: list[socket.socket]):
        self.sockets = sockets
        self.poll = select.epoll()
        self.by_number = {each.fileno(): each for each in sockets}
        for number in self.by_number:
            self.poll.register(number, select.EPOLLIN)

    def drain(self) -> None:
        for number, _ in self.poll.poll(0, len(self.sockets)):
            self.by_number[number].recv(1 << 20)

    def heard(self, expected: int, seconds: float = 20) -> list[float]:
        """The time at which each socket had something to read."""
        times: dict[int, float] = {}
        end = time.perf_counter() + seconds
        while len(times) < expected and time.perf_counter() < end:
            for number, _ in self.poll.poll(0.5, 256):
                if number not in times:
                    times[number] = time.perf_counter()
                    self.poll.unregister(number)
        return sorted(times.values())

    def close(self) -> None:
        self.poll.close()
        for each in self.sockets:
            each.close()


def connect(gateway, path: str, count: int) -> list[socket.socket]:
    request = (
        f"GET {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {gateway.key}\r\n\r\n"
    ).encode()
    sockets = []
    for _ in range(count):
        each = socket.create_connection(("127.0.0.1", gateway.port))
        each.sendall(request)
        each.setblocking(False)
        sockets.append(each)
    return sockets


def round_of(gateway, kind: str, count: int) -> tuple[float, float, int]:
    task = gateway.submit()
    path = f"/v1/generation-request/{task}/" + ("events/" if kind == "streams" else "status/?wait=60")
    crowd = Crowd(connect(gateway, path, count))
    while waiting(gateway) < count:
        time.sleep(0.02)
    time.sleep(0.3)
    crowd.drain()
    most = threads(gateway)
    committed = [0.0]

    def cancel() -> None:
        assert gateway.post(f"/v1/generation-request/{task}/cancel/").status_code == 200
        committed[0] = time.perf_counter()

    act = threading.Thread(target=cancel)
    sent = time.perf_counter()
    act.start()
    times = crowd.heard(count)
    act.join()
    crowd.close()
    assert len(times) == count, f"{len(times)} of {count} heard"
    # News may overtake the canceler's own answer; the earlier of the two is when the change is known to have happened.
    began = min(committed[0], times[0])
    while waiting(gateway) > 0:
        time.sleep(0.02)
    return (times[0] - sent) * 1000, (times[-1] - began) * 1000, most


def own_share(count: int) -> float:
    """Milliseconds that this program needs to hear `count` sockets that are written as fast as can be."""
    pairs = [socket.socketpair() for _ in range(count)]
    crowd = Crowd([left for left, _ in pairs])
    writer = threading.Thread(target=lambda: [right.send(b"x") for _, right in pairs])
    began = time.perf_counter()
    writer.start()
    took = crowd.heard(count)[-1] - began
    writer.join()
    crowd.close()
    for _, right in pairs:
        right.close()
    return took * 1000


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--clients", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--limit", type=float, default=50)
    options = options.parse_args()
    # One long job takes the only place, so every other task stays as it is until it is canceled.
    config = {
        "limits": {"connections_per_address": 4096, "requests_per_minute": 1_000_000},
        "providers": {"sandbox": {"concurrency": 1, "duration": 600}},
    }
    print(f"{options.clients} clients; this program's own share: {own_share(options.clients):.1f} ms")
    results: dict[str, list[tuple[float, float, int]]] = {"streams": [], "polls": []}
    with Gateway(config=config, log_level="warning") as gateway:
        first = gateway.submit()
        while gateway.status(first)["state"] != "running":
            time.sleep(0.02)
        for _ in range(options.rounds):
            for kind, found in results.items():
                found.append(round_of(gateway, kind, options.clients))
    slow = False
    for kind, found in results.items():
        first, last, most = (statistics.median(column) for column in zip(*found))
        slow |= last > options.limit
        worst = max(row[1] for row in found)
        print(f"{kind:8} cancel sent to first news {first:6.1f} ms   change to last news {last:6.1f} ms"
              f"  (worst {worst:.1f})   threads {int(most)}")
    sys.exit(slow)


if __name__ == "__main__":
    main()
