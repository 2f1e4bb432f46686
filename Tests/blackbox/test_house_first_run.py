"""The first minute: an empty directory, no configuration, three lines to paste."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import httpx

import glb_validator
from gateway import binary


class FirstRun:
    """`serve` in an empty working directory, as a person would start it."""

    def __init__(self, home: pathlib.Path, port: int):
        self.home = home
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRELLIS_")}
        self.process = subprocess.Popen(
            [str(binary()), "serve", "--listen", f"127.0.0.1:{port}"],
            cwd=home,
            env=environment,
            stdout=open(home / "out", "w"),
            stderr=open(home / "err", "w"),
        )
        end = time.monotonic() + 20
        while '"ready"' not in self.log:
            assert self.process.poll() is None and time.monotonic() < end, self.log
            time.sleep(0.02)

    @property
    def printed(self) -> str:
        return (self.home / "out").read_text()

    @property
    def log(self) -> str:
        return (self.home / "err").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(40) == 0


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_printed_lines_work_as_they_are_and_are_printed_once():
    with tempfile.TemporaryDirectory(prefix="trellis-first-") as folder:
        home, port = pathlib.Path(folder), free_port()
        with FirstRun(home, port) as run:
            # Printed before the server says that it is ready, but by another way.
            end = time.monotonic() + 5
            while "TASK=" not in run.printed and time.monotonic() < end:
                time.sleep(0.02)
            lines = [line for line in run.printed.splitlines() if line.startswith(("TASK=", "curl "))]
            assert len(lines) == 3
            pasted = subprocess.run(["sh", "-c", "\n".join(lines)], cwd=home, capture_output=True, text=True, timeout=60)
            assert pasted.returncode == 0, pasted.stderr
            words = pasted.stdout.split("\n")
            assert re.fullmatch(r"[0-9a-f-]{36}", words[0])
            status = json.loads(words[1])
            assert (status["status"], status["progress"], status["provider"]) == ("FINISHED", 100, "sandbox")
            assert status["results"][0]["asset"].startswith(f"http://127.0.0.1:{port}/v1/assets/")
            glb_validator.validate((home / "model.glb").read_bytes())
            key = re.search(r"tgu_\w{36}", run.printed).group()
            assert key not in run.log
            wallet = httpx.get(f"http://127.0.0.1:{port}/v1/wallet/", headers={"Authorization": f"Bearer {key}"}).json()
            assert wallet == {"balance": 970, "held": 0, "spent": 30}
        with FirstRun(home, port) as run:
            assert "tgu_" not in run.printed + run.log
            answer = httpx.get(f"http://127.0.0.1:{port}/v1/wallet/", headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200


def test_with_a_configuration_there_is_no_demo_account(gateway):
    assert [account["name"] for account in gateway.admin("GET", "/admin/v1/accounts")["items"]] == ["tests"]
