"""A gateway with the five providers played by `provider-simulator`, everything a hundred times as fast.

    with Simulator() as sim:
        with work_gateway(sim, ["fal", "runware"]) as g: ...
        sim.fault(provider="fal", route="submit", status=503, times=2)
        sim.count("fal", "bought")
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time

import httpx

from gateway import Gateway, binary, merged

PROVIDERS = ["3daistudio", "pixazo", "empiriolabs", "runware", "fal"]
SCALE = 0.01


class Simulator:
    def __init__(self, scale: float = SCALE, port: int = 0, faces: int = 200, more: tuple[str, ...] = ()):
        """`more` goes at the end of its command line; with `--listen-tls` there is a `tls_url` as well."""
        self.more = more
        self.scale, self.faces, self.port = scale, faces, port
        self.process: subprocess.Popen | None = None
        self.http = httpx.Client(timeout=30, trust_env=False)

    def __enter__(self) -> "Simulator":
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [
                str(binary("provider-simulator")), "--listen", f"127.0.0.1:{self.port}", "--time-scale", str(self.scale),
                "--faces", str(self.faces), "--texture-side", "16", *self.more,
            ],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        end = time.monotonic() + 20
        while time.monotonic() < end:
            words = os.pread(self.output.fileno(), 4096, 0).decode(errors="replace").split()
            urls = [w for w in words if "127.0.0.1:" in w]
            if urls:
                address = urls[0].split("//")[-1].rstrip("/")
                self.url = f"http://{address}"
                self.tls_url = next((url for url in urls if url.startswith("https://")), None)
                self.port = int(address.rsplit(":", 1)[1])
                return self
            assert self.process.poll() is None, f"the simulator ended: {words}"
            time.sleep(0.01)
        raise TimeoutError("the simulator does not say where it listens")

    def __exit__(self, *_: object) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def control(self, method: str, path: str, body: dict | None = None) -> dict:
        answer = self.http.request(method, f"{self.url}/_control{path}", json=body)
        assert answer.status_code < 300, f"{path}: {answer.text}"
        return answer.json()

    def fault(self, **fault) -> int:
        return self.control("POST", "/faults", fault)["id"]

    def clear(self) -> None:
        self.control("DELETE", "/faults")

    def settings(self, **settings) -> None:
        self.control("POST", "/settings", settings)

    def enrich(self) -> None:
        """Money at every provider for any number of jobs: what becomes of an empty wallet is a case of its own."""
        self.settings(balances={name: 10**15 for name in PROVIDERS})

    def summary(self, provider: str) -> dict:
        return self.control("GET", "")["providers"][provider]

    def count(self, provider: str, what: str) -> int:
        return self.summary(provider)["counts"].get(what, 0)

    def jobs(self, provider: str) -> list[dict]:
        return self.control("GET", f"/jobs?provider={provider}")["jobs"]


def provider_config(sims: dict[str, Simulator], **over) -> dict:
    """The settings of `providers` for those at simulators."""
    return {
        name: merged(
            {"enabled": True, "api_key": f"key-for-{name}", "base_url": sim.url, "timeout": 1, "concurrency": 50},
            over,
        )
        for name, sim in sims.items()
    }


def work_gateway(sims: dict[str, Simulator], config: dict | None = None, port: int = 0, **options) -> Gateway:
    """Asks the providers in the order given. With a `port` it can have a `public_url`."""
    own = {
        "providers": provider_config(sims),
        "routing": {"order": list(sims)},
        "polling": {"scale": SCALE},
        "limits": {"concurrent_tasks": 100_000, "requests_per_minute": 1_000_000},
    }
    gateway = Gateway(merged(own, config or {}), **options)
    gateway.port = port or gateway.port
    return gateway


def attempts(g: Gateway, task: str) -> list[dict]:
    """Every attempt of a task, oldest first, as the operator sees them."""
    return g.admin("GET", f"/admin/v1/tasks/{task}")["attempts"]


def until(question, seconds: float = 20, what: str = "") -> None:
    """Waits for something to become so."""
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, f"still not so after {seconds} s: {what}"
        time.sleep(0.01)


def reload(g: Gateway, **over) -> None:
    """Changes the configuration of a running gateway, and knows that it is in force."""
    g.config = merged(g.config, over)
    g.write_config()
    g.admin("POST", "/admin/v1/reload")


def postings(g: Gateway, task: str) -> list[tuple[str, int]]:
    """What was moved for a task, in order: kind and amount."""
    story = g.admin("GET", f"/admin/v1/tasks/{task}")
    return [(p["kind"], p["amount"]) for p in story["charged"]["postings"]]


def money_is_right(g: Gateway) -> None:
    """The ledger verifies and nothing is held once all has ended."""
    g.cli("credits", "verify")
    wallet = g.get("/v1/wallet/").json()
    assert wallet["held"] == 0, wallet
