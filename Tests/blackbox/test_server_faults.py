"""The faults of sockets and messages, against the whole gateway: each test is named after its fault's number."""

import json
import os
import pathlib
import random
import signal
import statistics
import threading
import time

import pytest

from gateway import Gateway, data_uri
from sockets import Client, head, request

GENERATE = "/v1/3d-models/trellis2/generate/"
SUBMIT = json.dumps({"image": data_uri()}).encode()


@pytest.fixture(scope="module")
def calm():
    """A gateway whose tasks stay alive."""
    with Gateway(config={"providers": {"sandbox": {"duration": 600}}, "limits": {"requests_per_minute": 100_000}}) as g:
        yield g


def spent(gateway) -> int:
    return 1_000_000 - gateway.get("/v1/wallet").json()["balance"]


def tasks(gateway) -> list:
    return gateway.get("/v1/generation-requests").json()["items"]


# 51 out of file descriptors


def test_fault_51_out_of_file_descriptors_sheds_load_and_recovers():
    with Gateway(wrapper=("prlimit", "--nofile=64:64")) as g:
        task = g.submit()
        path = f"/v1/generation-request/{task}/status/"
        crowd = []
        for _ in range(500):
            client = Client(g.port)
            client.send(head("GET", path, g.key))
            crowd.append(client)
        statuses = []
        for client in crowd:
            try:
                statuses.append(client.answer().status)
            except (EOFError, ConnectionError):
                statuses.append(None)
        assert statuses.count(200) > 0, "some are served"
        assert statuses.count(503) + statuses.count(None) > 300, "the rest is turned away, not kept waiting"
        for client in crowd:
            client.close()
        # Their descriptors come back, and then everything works: reads, writes, files.
        end = time.monotonic() + 20
        while True:
            try:
                status = g.get(path).status_code
            except Exception:
                status = None
            if status == 200:
                break
            assert time.monotonic() < end, status
            time.sleep(0.05)
        while g.finished(g.submit())["status"] != "FINISHED":
            assert time.monotonic() < end, "whoever came too early is refunded, but not for ever"
        assert g.finished(task)["status"] == "FINISHED"


# 65 SIGTERM under concurrent submits


def test_fault_65_sigterm_under_200_concurrent_submits_keeps_what_was_acknowledged():
    with Gateway(config={"limits": {"requests_per_minute": 1_000_000, "concurrent_tasks": 100_000}}) as g:
        acknowledged: list[str] = []
        faults: list[str] = []
        begun = threading.Semaphore(0)
        port, key = g.port, g.key

        def submit_until_closed() -> None:
            while True:
                try:
                    client = Client(port)
                except OSError:
                    return
                with client:
                    while True:
                        try:
                            answer = client.ask(request("POST", GENERATE, key, SUBMIT))
                        except (EOFError, ConnectionError) as error:
                            if "closed after b''" not in str(error) and not isinstance(error, ConnectionError):
                                faults.append(f"an answer was cut: {error}")
                            break
                        if answer.status == 200:
                            acknowledged.append(answer.json()["task_id"])
                            begun.release()
                        elif answer.status != 503:
                            faults.append(repr(answer))
                        if answer.headers.get("connection") == "close":
                            break

        crowd = [threading.Thread(target=submit_until_closed, daemon=True) for _ in range(200)]
        for thread in crowd:
            thread.start()
        for _ in range(300):
            assert begun.acquire(timeout=60)
        assert g.stop(30) == 0
        for thread in crowd:
            thread.join(30)
            assert not thread.is_alive(), "a client waits for an answer that nobody will give"
        assert not faults, faults[:5]
        for path in pathlib.Path(g.data).glob("*-wal"):
            assert path.stat().st_size == 0, f"{path.name} holds {path.stat().st_size} bytes"
        g.start()
        kept = set()
        cursor = ""
        while True:
            page = g.get(f"/v1/generation-requests?limit=100&cursor={cursor}").json()
            kept |= {item["task_id"] for item in page["items"]}
            cursor = page.get("next_cursor")
            if not cursor:
                break
        lost = set(acknowledged) - kept
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged submits are gone"


# 75 request smuggling

SMUGGLED = [
    "Content-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "Content-Length: 0, 44\r\n\r\n",
    "Content-Length: 0\nTransfer-Encoding: chunked\r\n\r\n",
    "X: y\r\n Content-Length: 44\r\n\r\n",
    "X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n",
    "Content-Length : 44\r\n\r\n",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0\n\n",
    "Transfer-Encoding: chunked\r\n\r\n1\r\nZ\nQ\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n",
    "Content-Length: +0\r\n\r\n",
    "Content-Length: -1\r\n\r\n",
    "Content-Length: 0x0\r\n\r\n",
    "X: \r\r\n\r\n",
    "X: \0\r\n\r\n",
    "Host: other\r\nContent-Length: 0\r\n\r\n",
]


@pytest.mark.parametrize("rest", SMUGGLED, ids=range(len(SMUGGLED)))
def test_fault_75_a_smuggled_submit_is_never_processed(calm, rest):
    before = spent(calm)
    hidden = request("POST", GENERATE, calm.key, SUBMIT).decode("latin-1")
    with Client(calm.port) as client:
        outer = f"POST /v1/generation-request/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {calm.key}\r\n"
        client.send(outer + rest + hidden)
        answer = client.answer()
        assert answer.status == 400, answer
        assert "date" in answer.headers, "also where the parser answers (RFC 9110 §6.6.1)"
        assert answer.headers["connection"] == "close"
        assert client.rest() == b"", "nothing was answered after it"
    assert spent(calm) == before


# 76 slowloris, huge heads, huge bodies, deep JSON


def p99(port: int, path: str, key: str, count: int = 2000) -> float:
    took = []
    with Client(port) as client:
        for _ in range(count):
            start = time.perf_counter()
            assert client.ask(head("GET", path, key)).status == 200
            took.append(time.perf_counter() - start)
    return statistics.quantiles(took, n=100)[98]


def test_fault_76_a_thousand_slow_sockets_leave_a_healthy_client_alone(calm):
    path = f"/v1/generation-request/{calm.submit()}/status/"
    alone = statistics.median(p99(calm.port, path, calm.key) for _ in range(3))
    slow = []
    for index in range(1000):
        # A thousand people, not one: what one address may have is limited.
        client = Client(calm.port, source=f"127.0.{1 + index // 200}.{1 + index % 200}")
        if index % 2:
            client.send("GET / HTTP/1.1\r\nHos")
        else:
            client.send(head("POST", GENERATE, calm.key, "Content-Length: 100000") + '{"image')
        slow.append(client)
    end = threading.Event()

    def drip() -> None:
        while not end.is_set():
            for client in slow:
                try:
                    client.send("a")
                except OSError:
                    pass
            end.wait(0.2)

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        among = statistics.median(p99(calm.port, path, calm.key) for _ in range(3))
    finally:
        end.set()
        dripping.join()
    # This process drips and measures under one lock, so the bound is wide; a server that read sockets in turn, or
    # woke for all of them, would be beyond it by far.
    assert among < alone * 5 + 0.05, f"p99 {alone * 1000:.2f} ms alone, {among * 1000:.2f} ms among the slow"
    for client in slow:
        client.close()


def test_fault_76_slow_heads_and_bodies_are_answered_408_in_their_time(calm):
    with Client(calm.port) as slow_head, Client(calm.port) as slow_body:
        slow_head.send("GET / HTTP/1.1\r\nHost: x\r\n")
        slow_body.send(head("POST", GENERATE, calm.key, "Content-Length: 1000") + "{")
        start = time.monotonic()
        answer = slow_head.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert answer.json()["error"]["code"], "in the shape of all errors"
        assert slow_body.answer().status == 408
        assert 5 < time.monotonic() - start < 40


def test_fault_76_huge_heads_and_bodies_and_deep_json_are_refused_in_bounded_memory(calm):
    assert calm.status(calm.submit())
    before = calm.memory_bytes()
    cases = [
        (414, "GET /" + "a" * 70_000 + " HTTP/1.1\r\nHost: x\r\n\r\n"),
        (431, head("GET", "/", None, "X: " + "a" * 70_000)),
        (431, head("GET", "/", None, *[f"X{n}: y" for n in range(5000)])),
        (413, head("POST", GENERATE, calm.key, "Content-Type: application/json", "Content-Length: 99999999999")),
        (413, head("POST", GENERATE, calm.key, "Content-Length: 99999999999999999999999")),
        (400, request("POST", GENERATE, calm.key, b'{"image":' + b"[" * 200_000)),
        (400, request("POST", GENERATE, calm.key, b'{"a":' * 100_000)),
    ]
    for _ in range(20):
        for expected, message in cases:
            with Client(calm.port) as client:
                try:
                    client.send(message)
                except ConnectionError:
                    pass
                answer = client.answer()
                assert answer.status in ({400, 422} if expected == 400 else {expected}), (message[:60], answer)
    assert calm.memory_bytes() - before < 48 << 20


def test_fault_76_chunked_bodies_without_an_end_stop_at_the_limit(calm):
    before = calm.memory_bytes()
    start = head("POST", GENERATE, calm.key, "Content-Type: application/json", "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with Client(calm.port) as client:
        client.send(start)
        # Well beyond the 32 MiB there may be; a client that stops and reads is told why.
        for _ in range(700):
            client.send(chunk)
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
    with Client(calm.port) as client:
        client.send(start)
        began = time.monotonic()
        # One that never stops is listened to for a moment more, and then cut off.
        with pytest.raises(ConnectionError):
            while time.monotonic() - began < 30:
                client.send(chunk)
    assert calm.memory_bytes() - before < 96 << 20


# 77 the client vanishes in mid-upload


def test_fault_77_a_client_that_vanishes_in_mid_upload_leaves_no_task_and_no_debit(calm):
    before, known = spent(calm), len(tasks(calm))
    chunked = head("POST", GENERATE, calm.key, "Content-Type: application/json", "Transfer-Encoding: chunked").encode()
    chunked += b"%x\r\n" % len(SUBMIT) + SUBMIT + b"\r\n0\r\n\r\n"
    for message in (request("POST", GENERATE, calm.key, SUBMIT), chunked):
        for step in range(20):
            client = Client(calm.port)
            client.send(message[: len(message) * step // 20])
            if step % 2:
                # A reset instead of an end.
                client.socket.setsockopt(1, 13, (1).to_bytes(4, "little") + (0).to_bytes(4, "little"))
            client.close()
    # One that stays proves that the message was whole; it comes after all of them.
    with Client(calm.port) as client:
        assert client.ask(chunked).status == 200
    assert len(tasks(calm)) == known + 1
    one = tasks(calm)[0]["credits"]
    assert spent(calm) == before + one


# 78 pipelined requests, one fails


def test_fault_78_pipelined_requests_are_answered_in_order_when_some_fail(calm):
    task = calm.submit()
    status = f"/v1/generation-request/{task}/status/"
    other = "01890000-0000-7000-8000-000000000000"
    batch = [
        (request("GET", status, calm.key), 200),
        (request("GET", f"/v1/generation-request/{other}/status/", calm.key), 404),
        (request("POST", GENERATE, calm.key, b'{"image": 7}'), 422),
        (request("POST", GENERATE, calm.key, b"{"), 400),
        (request("GET", "/nowhere", calm.key), 404),
        (request("DELETE", status, calm.key), 405),
        (request("GET", status), 401),
        # A wait in the middle: what comes after it must not overtake it.
        (request("GET", status + "?wait=1", calm.key), 200),
        (request("POST", GENERATE, calm.key, SUBMIT), 200),
        (request("GET", status, calm.key), 200),
    ]
    with Client(calm.port) as client:
        ids = [f"order-{number}" for number in range(len(batch))]
        client.send(
            b"".join(
                message.replace(b"Host: gateway\r\n", f"Host: gateway\r\nX-Request-Id: {name}\r\n".encode())
                for (message, _), name in zip(batch, ids)
            )
        )
        for (message, expected), name in zip(batch, ids):
            answer = client.answer()
            assert answer.headers["x-request-id"] == name
            allowed = {400, 422} if expected in (400, 422) else {expected}
            assert answer.status in allowed, (message[:80], answer)


def test_fault_78_a_broken_request_ends_the_pipeline_after_the_answers_before_it(calm):
    status = f"/v1/generation-request/{calm.submit()}/status/"
    before = spent(calm)
    good = request("GET", status, calm.key)
    with Client(calm.port) as client:
        client.send(good * 3 + b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n" + request("POST", GENERATE, calm.key, SUBMIT))
        assert [client.answer().status for _ in range(4)] == [200, 200, 200, 400]
        assert client.rest() == b""
    assert spent(calm) == before


# Many connections at rest


def test_10_000_idle_connections_add_at_most_10_MB():
    with Gateway(log_level="info") as g:
        path = f"/v1/generation-request/{g.submit()}/status/"
        g.finished(path.split("/")[3])

        def ask(client: Client) -> None:
            assert client.ask(head("GET", path, g.key)).status == 200

        def connect(number: int) -> Client:
            client = Client(g.port, source=f"127.0.{1 + number // 250}.{1 + number % 250}")
            ask(client)
            return client

        # What a first few hundred clients bring up is not what a connection costs.
        warm = [connect(number) for number in range(200)]
        for client in warm:
            client.close()
        before = g.memory_bytes()
        own_limit = min(10_000, os.sysconf("SC_OPEN_MAX") - 200)
        crowd = [connect(number) for number in range(own_limit)]
        growth = g.memory_bytes() - before
        assert growth * 10_000 / own_limit <= 10 << 20, f"{growth >> 10} KiB for {own_limit} connections"
        for client in random.Random(1).sample(crowd, 100):
            ask(client)
        for client in crowd:
            client.close()
