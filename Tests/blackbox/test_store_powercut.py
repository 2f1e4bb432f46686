"""Power cuts: only what was synced survives. A kill alone proves nothing, for the kernel keeps what was written; so
the gateway runs with `power_cut.c` preloaded, and starts again on the copy that has only synced bytes.

With synchronous=FULL nothing acknowledged is lost. The control run, the same engine with NORMAL, must lose some: if
it does not, this test could not have seen a loss.
"""

import pathlib
import shutil
import subprocess
import threading

import httpx
import pytest

from gateway import Gateway, binary
from store_tools import IDLE, ids, sound, submit, wrong_in
from work_house import until

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def shim(tmp_path_factory) -> pathlib.Path:
    library = tmp_path_factory.mktemp("shim") / "power_cut.so"
    command = ["clang", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, HERE / "power_cut.c", "-ldl"]
    subprocess.run(command, check=True)
    return library


@pytest.mark.parametrize("acknowledgements", [30, 200, 700])
def test_fault_47_nothing_acknowledged_is_lost_at_a_power_cut(shim, tmp_path, acknowledgements):
    """Cut early, and late enough for the log to have been copied into the database and started over."""
    (home := tmp_path / "home").mkdir()
    (durable := tmp_path / "durable").mkdir()
    data = home / "data"
    preload = {"LD_PRELOAD": str(shim), "PC_DIR": str(data), "PC_DURABLE": str(durable)}
    acknowledged: set[str] = set()
    with Gateway(config=IDLE, data=data, env=preload, log_level="info") as g:

        def client() -> None:
            with httpx.Client(trust_env=False, timeout=30) as http:
                while True:
                    try:
                        answer = submit(g, client=http)
                    except httpx.TransportError:
                        return
                    if answer.status_code == 200:
                        acknowledged.add(answer.json()["task_id"])

        threads = [threading.Thread(target=client, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: len(acknowledged) >= acknowledgements, 60, "enough submits")
        g.kill()
        for thread in threads:
            thread.join(30)

        # The power is back: the same gateway, on what the disk has.
        shutil.rmtree(data)
        shutil.copytree(durable, data)
        assert wrong_in(data) == {}
        g.env = {}
        g.start()
        found = ids(g)
        assert acknowledged <= found, f"{len(acknowledged - found)} of {len(acknowledged)} were lost"
        assert len(found - acknowledged) <= len(threads), "more than was on its way"
        sound(g)


def lost_at_a_power_cut(shim: pathlib.Path, home: pathlib.Path, synchronous: str) -> tuple[int, int]:
    """The engine alone, submitting and printing each id once it is acknowledged: how many were, and how many of them
    are gone after the cut."""
    (durable := home / "durable").mkdir(parents=True)
    engine = subprocess.Popen(
        [binary("bench-store"), "acknowledge", "--data", home / "data", "--synchronous", synchronous],
        stdout=subprocess.PIPE,
        env={"LD_PRELOAD": str(shim), "PC_DIR": str(home / "data"), "PC_DURABLE": str(durable)},
    )
    try:
        first = [engine.stdout.readline() for _ in range(300)]
    finally:
        engine.kill()
    rest = engine.communicate(timeout=30)[0].splitlines(keepends=True)
    acknowledged = {line for line in [*first, *rest] if line.endswith(b"\n")}
    assert len(acknowledged) >= 300
    listed = subprocess.run([binary("bench-store"), "list", "--data", durable], capture_output=True, timeout=60)
    # A database that cannot even be opened has lost everything.
    kept = set(listed.stdout.splitlines(keepends=True)) if listed.returncode == 0 else set()
    return len(acknowledged), len(acknowledged - kept)


def test_fault_47_the_control_run_with_synchronous_normal_loses_some(shim, tmp_path):
    for synchronous in ("full", "normal"):
        count, lost = lost_at_a_power_cut(shim, tmp_path / synchronous, synchronous)
        print(f"{synchronous.upper()} lost {lost} of {count}")
        assert (lost == 0) == (synchronous == "full")
