"""A thousand long polls and a thousand event streams: no thread each, and told at once."""

import asyncio
import json
import time

import pytest

from gateway import Gateway, data_uri


@pytest.fixture(scope="module")
def crowded():
    """One long job takes the only place there is, so that every other task stays as it is until it is canceled."""
    sandbox = {"concurrency": 1, "duration": 300}
    with Gateway(config={"limits": {"connections_per_address": 4096}, "providers": {"sandbox": sandbox}}) as running:
        first = running.submit()
        while running.status(first)["state"] != "running":
            time.sleep(0.02)
        yield running


async def ask(gateway, path: str):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = f"GET {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {gateway.key}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    await writer.drain()
    return reader, writer


def threads(gateway) -> int:
    with open(f"/proc/{gateway.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))


def waiting(gateway) -> int:
    """Long polls and streams that the gateway holds, by its own count."""
    lines = gateway.get("/metrics").text.splitlines()
    return next(int(float(line.split()[-1])) for line in lines if line.startswith("trellis_waiting "))


@pytest.mark.parametrize("kind", ["streams", "polls"])
def test_a_thousand_wait_without_a_thread_each_and_all_hear(crowded, kind):
    gateway = crowded

    async def run():
        task = gateway.submit()
        path = f"/v1/generation-request/{task}/" + ("events/" if kind == "streams" else "status/?wait=60")
        before = threads(gateway)
        pairs = await asyncio.gather(*(ask(gateway, path) for _ in range(1000)))
        if kind == "streams":
            await asyncio.gather(*(reader.readuntil(b"event: status") for reader, _ in pairs))
        else:
            while gateway.status(task)["state"] != "queued" or waiting(gateway) < 1000:
                await asyncio.sleep(0.05)
        during = threads(gateway)
        assert during <= before + 16, f"{before} threads before, {during} with a thousand waiting"

        heard: list[float] = []

        async def hear(reader):
            text = b""
            while True:
                part = await reader.read(65536)
                text += part
                if b'"state":"canceled"' in text or not part:
                    break
            if b'"state":"canceled"' in text:
                heard.append(time.monotonic())

        listening = [asyncio.ensure_future(hear(reader)) for reader, _ in pairs]
        await asyncio.sleep(0.1)
        began = time.monotonic()
        answer = await asyncio.to_thread(gateway.post, f"/v1/generation-request/{task}/cancel/")
        assert answer.status_code == 200, answer.text
        await asyncio.wait_for(asyncio.gather(*listening), 20)
        for _, writer in pairs:
            writer.close()
        return began, heard

    began, heard = asyncio.run(run())
    assert len(heard) == 1000
    print(f"{kind}: {len(heard)} heard, first after {1000 * (min(heard) - began):.1f} ms, "
          f"last after {1000 * (max(heard) - began):.1f} ms")


def test_a_stream_resumes_where_it_was(crowded):
    gateway = crowded
    task = gateway.submit()
    with gateway.http.stream("GET", f"{gateway.url}/v1/generation-request/{task}/events/",
                             headers={"Authorization": f"Bearer {gateway.key}"}) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        first = next(line for line in stream.iter_lines() if line.startswith("id: "))
    seen = first.removeprefix("id: ")
    gateway.post(f"/v1/generation-request/{task}/cancel/")
    headers = {"Authorization": f"Bearer {gateway.key}", "Last-Event-ID": seen}
    with gateway.http.stream("GET", f"{gateway.url}/v1/generation-request/{task}/events/", headers=headers) as stream:
        lines = list(stream.iter_lines())
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    ids = [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]
    assert data[-1]["state"] == "canceled" and min(ids) > int(seen) and ids == sorted(set(ids))
    last = gateway.get(f"/v1/generation-request/{task}/events/", headers={"Last-Event-ID": str(ids[-1])})
    assert last.status_code == 204


def test_a_long_poll_answers_at_the_change_and_not_before(gateway):
    task = gateway.submit({"image": data_uri(), "priority": "low"})
    known = gateway.status(task)["sequence"]
    while True:
        body = gateway.get(f"/v1/generation-request/{task}/status/?wait=20&after={known}").json()
        assert body["sequence"] > known or body["status"] in ("FINISHED", "FAILED")
        known = body["sequence"]
        if body["status"] == "FINISHED":
            break
    began = time.monotonic()
    assert gateway.get(f"/v1/generation-request/{task}/status/?wait=20").json()["status"] == "FINISHED"
    assert time.monotonic() - began < 5


def test_a_long_poll_ends_when_its_time_is_up(crowded):
    gateway = crowded
    task = gateway.submit()
    began = time.monotonic()
    answer = gateway.get(f"/v1/generation-request/{task}/status/?wait=1")
    assert answer.status_code == 200 and 0.9 < time.monotonic() - began < 10
    for wrong in ["x", "-1", "61", "1.5"]:
        assert gateway.get(f"/v1/generation-request/{task}/status/?wait={wrong}").status_code == 400, wrong


def test_an_event_id_from_the_future_does_not_keep_the_end_from_its_client(crowded):
    """Made up, or remembered from before a backup was restored."""
    gateway = crowded

    async def run():
        task = gateway.submit()
        reader, writer = await ask(gateway, f"/v1/generation-request/{task}/events/?last_event_id=9999")
        await reader.readuntil(b": resumed")
        assert gateway.post(f"/v1/generation-request/{task}/cancel/").status_code == 200
        told = await asyncio.wait_for(reader.read(), 10)
        assert b'"state":"canceled"' in told
        writer.close()

    asyncio.run(run())
