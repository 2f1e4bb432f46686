"""Runs the real `trellis-gateway` binary for tests that look at it from outside.

    with Gateway(config={"polling": {"scale": 0.01}}) as g:
        answer = g.post("/v1/3d-models/trellis2/generate/", json={"image": "..."})     # an httpx.Response, key sent along
        g.finished(answer.json()["task_id"])             # polls until FINISHED or FAILED, answers the status body
        g.admin("GET", "/admin/v1/accounts")             # over the control socket, answers parsed JSON
        g.cli("credits", "verify", "--json")             # the command line on this data directory
        g.kill(); g.start()                              # SIGKILL, then again on the same directory and port
        g.restart()                                      # SIGTERM and again
        g.log                                            # everything written to stderr so far
        g.events("task.finished")                        # its JSON lines, those with this message

Unless told otherwise a gateway listens on a free port of 127.0.0.1, keeps its data in a temporary directory of its
own, allows plain http to 127.0.0.0/8, and has one account `tests` with plenty of credits whose key is `g.key`.
Processes are ended by their own pid, never by name. The directory is kept, and named, when the test fails to start it.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 20.0
STOP_SECONDS = 40.0


def binary(name: str = "trellis-gateway") -> pathlib.Path:
    """The program under test: `TRELLIS_BIN_DIR`, else the debug build."""
    places = [os.environ.get("TRELLIS_BIN_DIR"), ROOT / ".build/debug", ROOT / ".build/release"]
    for place in filter(None, places):
        path = pathlib.Path(place) / name
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is not built; run `make build`")


# Below what the system hands out by itself (ip(7), ip_local_port_range), and a part of it for each worker of a parallel
# run; in any order, as another run may be at work on this machine.
_PORTS = 1000
_FIRST_PORT = 10_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 22 * _PORTS
_ports = itertools.cycle(random.sample(range(_FIRST_PORT, _FIRST_PORT + _PORTS), _PORTS))


def free_port() -> int:
    """A port that nobody listens at, and that nobody else is given either: it stays free also while a test has nothing
    there, as between a kill and a start."""
    for port in itertools.islice(_ports, _PORTS):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port
    raise OSError("every port of this worker's is taken")


@contextlib.contextmanager
def closed_port(address: str = "127.0.0.1"):
    """A port that refuses whoever calls: it is held, so that nobody can come to listen at it meanwhile."""
    with socket.socket() as held:
        held.bind((address, 0))
        yield held.getsockname()[1]


def png(width: int = 8, height: int = 6, colour: tuple[int, int, int] = (200, 90, 40), salt: int = 0) -> bytes:
    """A small real PNG; another `salt` makes another picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(
        b"\0" + b"".join(bytes((c + x * 7 + y * 5 + salt) % 256 for c in colour) for x in range(width))
        for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def data_uri(picture: bytes | None = None) -> str:
    return "data:image/png;base64," + base64.b64encode(picture or png()).decode()


def contents(paths: Iterable[pathlib.Path]) -> Iterator[tuple[pathlib.Path, bytes]]:
    """The files among these and what they hold, without those that go away while they are read: a gateway that runs
    moves its drafts and sweeps."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                yield path, path.read_bytes()


def merged(base: dict, over: dict) -> dict:
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


class Gateway:
    def __init__(
        self,
        config: dict | None = None,
        *,
        data: str | os.PathLike | None = None,
        env: dict[str, str] | None = None,
        args: tuple[str, ...] = (),
        account: str | None = "tests",
        credits: int = 1_000_000,
        log_level: str = "debug",
        wrapper: tuple[str, ...] = (),
    ):
        """`config` goes over the fixture's own (see `effective_config`); `wrapper` is put before the command line,
        as for `fiu-run` or `prlimit`; `account=None` makes no account."""
        self._own_home = data is None
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="trellis-test-")) if data is None else pathlib.Path(data).parent
        self.data = self.home / "data" if data is None else pathlib.Path(data)
        self.config = config or {}
        self.env = env or {}
        self.args = args
        self.wrapper = wrapper
        self.log_level = log_level
        self.log_path = self.home / "gateway.log"
        self.config_path = self.home / "gateway.json5"
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        self.key: str | None = None
        self.account_id: str | None = None
        self._account, self._credits = account, credits
        self._log_start = 0
        self.http = httpx.Client(timeout=70, trust_env=False)

    # Starting and stopping

    def __enter__(self) -> "Gateway":
        self.start()
        if self._account:
            made = self.admin("POST", "/admin/v1/accounts", {"name": self._account, "credits": self._credits})
            self.account_id, self.key = made["account_id"], made["key"]
        return self

    def __exit__(self, kind, _value, _trace) -> None:
        self.http.close()
        self.stop()
        if self._own_home and kind is None:
            shutil.rmtree(self.home, ignore_errors=True)
        elif kind is not None:
            print(f"the gateway's directory is kept: {self.home}\n--- end of its log\n{self.log[-6000:]}")

    @property
    def effective_config(self) -> dict:
        own = {
            "listen": f"127.0.0.1:{self.port}",
            "data_dir": str(self.data),
            "network": {"allow": ["127.0.0.0/8"], "http": True},
            "providers": {"sandbox": {"duration": 0.2}},
            "logging": {"level": self.log_level},
        }
        return merged(own, self.config)

    def write_config(self) -> None:
        """Writes the file that the process reads; a test changes `self.config` and calls this before a reload."""
        self.config_path.write_text(json.dumps(self.effective_config, indent=2))

    def spawn(self) -> None:
        """Starts the process and does not wait for anything."""
        assert self.process is None or self.process.poll() is not None, "it is running already"
        self.write_config()
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, str(binary()), "serve", "--config", str(self.config_path), *self.args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=self._surroundings | self.env,
                cwd=self.home,
            )

    @property
    def _surroundings(self) -> dict[str, str]:
        """Our own environment without what the program would take for settings."""
        return {k: v for k, v in os.environ.items() if not k.startswith("TRELLIS_")}

    def start(self) -> "Gateway":
        """Starts it and waits until it answers, always on the same port."""
        self.spawn()
        self.wait_ready()
        return self

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended with {self.process.returncode} while starting; log:\n{self.log[-6000:]}")
            for line in self._lines(self._log_start):
                if line.get("message") == "listening" and line["listener"] == "public" and "unix:" not in line["address"]:
                    self.port = int(line["address"].rsplit(":", 1)[1])
                    return
            time.sleep(0.01)
        raise TimeoutError(f"not listening after {seconds} s; log:\n{self.log[-6000:]}")

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is said."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM, and waits; answers the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"it did not stop within {seconds} s; log:\n{self.log[-6000:]}") from None
        return self.process.returncode

    def restart(self) -> "Gateway":
        self.stop()
        return self.start()

    # Talking to it

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, *, key: str | None = "own", headers=None, **rest) -> httpx.Response:
        """`key=None` sends none. `path` may be a whole URL of this gateway."""
        headers = dict(headers or {})
        token = self.key if key == "own" else key
        if token:
            headers.setdefault("Authorization", f"Bearer {token}")
        url = path if path.startswith("http") else self.url + path
        return self.http.request(method, url, headers=headers, **rest)

    def get(self, path: str, **rest) -> httpx.Response:
        return self.request("GET", path, **rest)

    def post(self, path: str, **rest) -> httpx.Response:
        return self.request("POST", path, **rest)

    def submit(self, body: dict | None = None, **rest) -> str:
        """Submits a small picture, or `body`, and answers the task id."""
        answer = self.post("/v1/3d-models/trellis2/generate/", json=body or {"image": data_uri()}, **rest)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
        return answer.json()["task_id"]

    def status(self, task: str, **rest) -> dict:
        answer = self.get(f"/v1/generation-request/{task}/status/", **rest)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
        return answer.json()

    def finished(self, task: str, seconds: float = 30.0, **rest) -> dict:
        """Waits by long polls until the task is FINISHED or FAILED; `key`, when it is another account's."""
        end = time.monotonic() + seconds
        while True:
            left = max(1, min(20, int(end - time.monotonic())))
            body = self.get(f"/v1/generation-request/{task}/status/?wait={left}", **rest).json()
            assert "status" in body, body
            if body["status"] in ("FINISHED", "FAILED"):
                return body
            assert time.monotonic() < end, f"still {body['status']} after {seconds} s: {body}"

    def admin(self, method: str, path: str, body: Any = None, *, expect: int | None = None) -> Any:
        """Asks the admin API over the control socket, as the operator. Raises on a status that is not `expect`
        (any 2xx when that is not given); answers the parsed JSON."""
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(60)
        connection.sock.connect(str(self.data / "control.sock"))
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        right = answer.status == expect if expect else 200 <= answer.status < 300
        assert right, f"{method} {path}: {answer.status} {text}"
        return json.loads(text) if text else None

    def cli(self, *words: str, check: bool = True, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        """Runs a command on this data directory, whether the gateway runs or not."""
        at = words.index("--") if "--" in words else len(words)
        run = subprocess.run(
            [str(binary()), *words[:at], "--config", str(self.config_path), *words[at:]],
            capture_output=True,
            text=True,
            timeout=60,
            env=self._surroundings | self.env | (env or {}),
            cwd=self.home,
        )
        assert not check or run.returncode == 0, f"{words} ended with {run.returncode}\n{run.stdout}{run.stderr}"
        return run

    # Looking at it

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def _lines(self, start: int = 0) -> list[dict]:
        if not self.log_path.exists():
            return []
        with open(self.log_path, "rb") as log:
            log.seek(start)
            lines = log.read().split(b"\n")[:-1]
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
        return [line for line in found if isinstance(line, dict)]

    def events(self, message: str | None = None) -> list[dict]:
        """The log's JSON lines, or those with this message."""
        return [e for e in self._lines() if message is None or e.get("message") == message]

    def metrics(self) -> dict[str, float]:
        """`/metrics` as `name{labels}` → value."""
        lines = self.get("/metrics").text.splitlines()
        return {n: float(v) for n, v in (l.rsplit(" ", 1) for l in lines if l and not l.startswith("#"))}

    def memory_bytes(self) -> int:
        """Resident memory now."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")
