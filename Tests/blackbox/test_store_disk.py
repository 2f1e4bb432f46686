"""A disk that fails, fills up or is slow, under the real gateway: nothing is acknowledged before it is synced, and
what was acknowledged is there afterwards."""

import concurrent.futures
import contextlib
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import httpx
import pytest

from gateway import Gateway

SUBMIT = "/v1/3d-models/trellis2/generate/"
# Work is accepted and stays queued: only submits write.
QUIET = {
    "limits": {"requests_per_minute": 10_000_000, "reads_per_minute": 10_000_000, "concurrent_tasks": 1_000_000},
    "providers": {"sandbox": {"duration": 3600, "concurrency": 1}},
}


@pytest.fixture
def quiet():
    """No chatter in the log: it is a file too, and shares the limits that are set here."""
    with Gateway(config=QUIET, log_level="error") as gateway:
        submit(gateway)
        yield gateway


def submit(gateway: Gateway, key: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {gateway.key}"} | ({"Idempotency-Key": key} if key else {})
    with httpx.Client(trust_env=False, timeout=30) as client:
        body = {"image_url": "https://example.com/chair.png", "metadata": {"key": key or ""}}
        return client.post(gateway.url + SUBMIT, json=body, headers=headers)


def ids(gateway: Gateway) -> set[str]:
    found, cursor = set(), None
    while True:
        page = gateway.get("/v1/generation-requests/", params={"limit": 100} | ({"cursor": cursor} if cursor else {}))
        assert page.status_code == 200, page.text
        found |= {task["task_id"] for task in page.json()["items"]}
        cursor = page.json().get("next_cursor")
        if not cursor:
            return found


def sound(gateway: Gateway) -> None:
    checked = gateway.cli("credits", "verify", "--json", check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def is_traced(pid: int) -> bool:
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    with contextlib.suppress(FileNotFoundError):
        return all("TracerPid:\t0" not in (thread / "status").read_text() for thread in threads)
    return False


@contextlib.contextmanager
def strace(gateway: Gateway, *words: str):
    """strace on every thread of the running gateway; yields the file with what it saw."""
    out = gateway.home / f"strace-{time.monotonic_ns()}"
    command = [shutil.which("strace"), "-f", "-y", "-qq", "-p", str(gateway.pid), "-o", str(out), *words]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 20
        while not is_traced(gateway.pid):
            assert tracer.poll() is None, tracer.stderr.read().decode()
            assert time.monotonic() < end, "strace does not attach"
            time.sleep(0.02)
        yield out
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(20)


def wal(gateway: Gateway) -> int:
    path = gateway.data / "gateway.db-wal"
    return path.stat().st_size if path.exists() else 0


def test_fault_48_nobody_is_answered_before_the_sync_and_many_share_one(quiet):
    with strace(quiet, "-e", "trace=fdatasync,fsync,write,writev,sendto,sendmsg", "-s", "40") as out:
        for _ in range(10):
            assert submit(quiet).status_code == 200
    synced, answers = False, 0
    for line in out.read_text(errors="replace").splitlines():
        # Calls that were interrupted by another thread's are two lines; the second says how it ended.
        if re.search(r"(fdatasync|fsync)(\(.*gateway\.db-wal.*| resumed.*)= 0", line):
            synced = True
        elif "HTTP/1.1 200" in line:
            assert synced, f"answered before anything was synced: {line}"
            synced, answers = False, answers + 1
    assert answers == 10

    with strace(quiet, "-e", "trace=fdatasync,fsync") as out:
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            assert {answer.status_code for answer in pool.map(lambda _: submit(quiet), range(256))} == {200}
    calls = len(re.findall(r"(?:fdatasync|fsync)\(", out.read_text(errors="replace")))
    print(f"{calls} syncs for 256 answers")
    assert 0 < calls < 256


@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_fault_49_a_disk_error_acknowledges_nothing_and_a_restart_knows(call):
    with Gateway(config=QUIET, log_level="error") as g:
        acknowledged = {submit(g, f"before-{number}").json()["task_id"] for number in range(5)}
        with strace(g, "-e", f"trace={call}", "-e", f"inject={call}:error=EIO", "-P", str(g.data / "gateway.db-wal")):
            answers = []
            for number in range(3):
                with contextlib.suppress(httpx.TransportError):
                    answers.append(submit(g, f"during-{number}"))
            assert {answer.status_code for answer in answers} <= {503}, [answer.text for answer in answers]
            # It does not go on as if nothing had happened.
            assert g.process.wait(30) != 0
        g.start()
        found = ids(g)
        assert acknowledged <= found
        # What nobody knows is there as a whole or not at all, and asking again with the key settles it.
        again = {submit(g, f"during-{number}").json()["task_id"] for number in range(3)}
        assert len(again) == 3
        assert ids(g) == found | again
        assert len(ids(g)) == len(acknowledged) + 3
        sound(g)


def test_fault_50_a_full_disk_answers_503_and_all_goes_on_once_there_is_room(quiet):
    acknowledged = {submit(quiet).json()["task_id"] for _ in range(3)}

    def limit(size: int | str) -> None:
        subprocess.run(["prlimit", "--pid", str(quiet.pid), f"--fsize={size}:unlimited"], check=True)

    limit(max(wal(quiet), (quiet.data / "gateway.db").stat().st_size, quiet.log_path.stat().st_size) + 20_000)
    refused = None
    for _ in range(2000):
        answer = submit(quiet)
        if answer.status_code != 200:
            refused = answer
            break
        acknowledged.add(answer.json()["task_id"])
    assert refused is not None, "the limit was never reached"
    assert refused.status_code == 503, refused.text
    # Reads go on, and the process is still there.
    assert acknowledged <= ids(quiet)
    assert quiet.process.poll() is None
    for _ in range(5):
        assert submit(quiet).status_code in (200, 503)

    limit("unlimited")
    end = time.monotonic() + 20
    while (answer := submit(quiet)).status_code != 200:
        assert time.monotonic() < end, answer.text
        time.sleep(0.1)
    acknowledged.add(answer.json()["task_id"])
    assert acknowledged <= ids(quiet)
    sound(quiet)
    quiet.kill()
    quiet.start()
    assert acknowledged <= ids(quiet)
    sound(quiet)


def test_fault_50_no_space_left_while_writing_is_no_error_of_the_disk(quiet):
    acknowledged = {submit(quiet).json()["task_id"]}
    inject = ["-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC", "-P", str(quiet.data / "gateway.db-wal")]
    with strace(quiet, *inject):
        for _ in range(3):
            answer = submit(quiet)
            assert answer.status_code == 503, answer.text
            assert acknowledged <= ids(quiet)
    assert submit(quiet).status_code == 200
    assert quiet.process.poll() is None
    assert len(ids(quiet)) == 1 + len(acknowledged) + 1, "what was refused left nothing"
    sound(quiet)


def test_fault_52_readers_that_never_finish_do_not_make_the_log_grow(quiet):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: submit(quiet), range(100)))
    request = (
        f"GET /v1/generation-requests/?limit=100 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {quiet.key}\r\n\r\n"
    ).encode()
    readers = []
    try:
        for _ in range(50):
            reader = socket.socket()
            # A small window, so that the answer does not fit into the kernel's buffers.
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            reader.connect(("127.0.0.1", quiet.port))
            reader.sendall(request)
            reader.settimeout(20)
            assert reader.recv(1) == b"H"
            readers.append(reader)
        largest = 0
        with httpx.Client(trust_env=False, timeout=30) as client:
            for number in range(600):
                answer = client.post(
                    quiet.url + SUBMIT,
                    json={"image_url": "https://example.com/chair.png"},
                    headers={"Authorization": f"Bearer {quiet.key}"},
                )
                assert answer.status_code == 200, answer.text
                largest = max(largest, wal(quiet))
        print(f"the log was {largest / 1e6:.1f} MB at most")
        assert largest < 16_000_000
    finally:
        for reader in readers:
            reader.close()
