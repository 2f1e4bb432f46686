#!/usr/bin/env python3
"""Time from exec to the first answered request, and memory at rest, of the release program.

    make release && python3 bench/start.py [--rounds 15]

Rounds are interleaved: a new data directory (schema and keys are made), one that is there already, and nginx
returning 200 where it is installed, for comparison. Medians are printed.
"""

import argparse
import http.client
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ROOT / ".build/dist/trellis-gateway"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def first_answer(command: list[str], port: int, path: str, cwd: str) -> tuple[float, int]:
    """Milliseconds until the first answer, and kilobytes in memory a second later, over all its processes."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd)
    try:
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", path)
                assert connection.getresponse().status == 200
                break
            except ConnectionError:
                assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
                time.sleep(0.0005)
        took = (time.perf_counter() - start) * 1000
        time.sleep(1)
        return took, resident(process.pid)
    finally:
        process.terminate()
        process.wait()


def resident(pid: int) -> int:
    own = 0
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            own = int(line.split()[1])
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(resident(int(child)) for child in children)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=15)
    rounds = arguments.parse_args().rounds
    assert PROGRAM.exists(), "run `make release` first"
    home = tempfile.mkdtemp(prefix="bench-start-")
    port = free_port()
    old = pathlib.Path(home) / "old"
    figures: dict[str, list[tuple[float, int]]] = {}

    def serve(data: pathlib.Path) -> list[str]:
        return [str(PROGRAM), "serve", "--listen", f"127.0.0.1:{port}", "--data", str(data)]

    nginx = shutil.which("nginx") or ("/usr/sbin/nginx" if pathlib.Path("/usr/sbin/nginx").exists() else None)
    if nginx:
        (pathlib.Path(home) / "nginx.conf").write_text(
            f"daemon off; pid {home}/nginx.pid; error_log /dev/null; worker_processes 2; events {{}} "
            f'http {{ access_log off; server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok"; }} }} }}'
        )
    first_answer(serve(old), port, "/healthz", home)
    for index in range(rounds):
        new = pathlib.Path(home) / f"new{index}"
        figures.setdefault("gateway, new directory", []).append(first_answer(serve(new), port, "/healthz", home))
        figures.setdefault("gateway, known directory", []).append(first_answer(serve(old), port, "/healthz", home))
        if nginx:
            command = [nginx, "-c", f"{home}/nginx.conf", "-p", home]
            figures.setdefault("nginx, return 200", []).append(first_answer(command, port, "/", home))
    shutil.rmtree(home, ignore_errors=True)

    size = PROGRAM.stat().st_size
    print(f"program: {size / 1e6:.1f} MB stripped; {rounds} interleaved rounds, medians")
    for name, values in figures.items():
        took = statistics.median(v[0] for v in values)
        memory = statistics.median(v[1] for v in values)
        print(f"{name:26} first answer {took:7.1f} ms   at rest {memory / 1024:6.1f} MB")
    print(json.dumps({name: [round(statistics.median(v[0] for v in values), 1)] for name, values in figures.items()}))


if __name__ == "__main__":
    main()
