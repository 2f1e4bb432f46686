"""The first minute: an empty directory, no configuration, three lines to paste."""

import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import tempfile
import time

import httpx

import glb_validator
from gateway import binary, free_port


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

    def wait_for_lines(self) -> None:
        """They are printed about when the server says that it is ready, but by another way."""
        end = time.monotonic() + 5
        while "TASK=" not in self.printed and time.monotonic() < end:
            time.sleep(0.02)

    @property
    def log(self) -> str:
        return (self.home / "err").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(40) == 0


def test_the_printed_lines_work_as_they_are_and_are_printed_once():
    with tempfile.TemporaryDirectory(prefix="trellis-first-") as folder:
        home, port = pathlib.Path(folder), free_port()
        with FirstRun(home, port) as run:
            run.wait_for_lines()
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
            answer = httpx.get(f"http://127.0.0.1:{port}/v1/wallet/", headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 200
        # Once it has ended all is printed that ever will be.
        assert "tgu_" not in run.printed + run.log


def test_with_a_configuration_there_is_no_demo_account(gateway):
    assert [account["name"] for account in gateway.admin("GET", "/admin/v1/accounts")["items"]] == ["tests"]


def test_a_first_start_that_was_killed_before_it_made_a_key_is_made_good(tmp_path):
    port = free_port()
    with FirstRun(tmp_path, port):
        pass
    # As if it had been killed in between: the account is there, and nobody has a key to it.
    database = sqlite3.connect(tmp_path / "data/gateway.db")
    database.execute("DELETE FROM api_keys")
    database.commit()
    database.close()
    with FirstRun(tmp_path, port) as run:
        run.wait_for_lines()
        key = re.search(r"tgu_\w{36}", run.printed).group()
        wallet = httpx.get(f"http://127.0.0.1:{port}/v1/wallet/", headers={"Authorization": f"Bearer {key}"}).json()
        assert wallet["balance"] == 1000, "the demo credits are given once"
    with FirstRun(tmp_path, port) as run:
        pass
    assert "tgu_" not in run.printed + run.log


def command(home: pathlib.Path, *words: str) -> subprocess.CompletedProcess:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRELLIS_")}
    return subprocess.run([str(binary()), *words], cwd=home, env=environment, capture_output=True, text=True, timeout=30)


def test_settings_that_were_found_by_themselves_are_not_lost_by_a_reload(tmp_path):
    file, aside = tmp_path / "gateway.json5", tmp_path / "gateway.json5~"
    file.write_text("{ prices: { thumbnail: 5 } }")
    with FirstRun(tmp_path, free_port()) as run:
        # As an editor does while it saves: all settings would be at their defaults, providers off, the sandbox on.
        file.rename(aside)
        refused = command(tmp_path, "reload")
        assert refused.returncode == 1, refused.stdout
        assert "cannot read the configuration gateway.json5: No such file or directory" in refused.stderr
        assert "reload refused" in run.log
        aside.rename(file)
        assert "Nothing changed." in command(tmp_path, "reload").stdout


def test_settings_that_cannot_be_read_are_not_taken_for_none(tmp_path):
    # Without rights it would be the same; but tests may run as root.
    (tmp_path / "gateway.json5").mkdir()
    for words in (["check"], ["serve"]):
        answer = command(tmp_path, *words)
        assert answer.returncode == 1
        assert "cannot read the configuration gateway.json5: Is a directory" in answer.stderr
    assert not (tmp_path / "data").exists()
