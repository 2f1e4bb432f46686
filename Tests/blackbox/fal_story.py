"""Run by test_providers_sdk.py with the SDK's variables set: uses `fal-client` in every way there is and prints, as
JSON, what it saw."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import fal_client
import httpx
from fal_client import FalClientHTTPError

from gateway import data_uri

APP = "fal-ai/trellis-2"
PICTURE = "https://example.com/chair.png"
control = httpx.Client(base_url=os.environ["CONTROL"] + "/_control", trust_env=False)


def steer(path: str, body: dict) -> None:
    control.post(path, json=body).raise_for_status()


def arguments(**more) -> dict:
    return {"image_url": PICTURE, "resolution": 512} | more


def refusal(act) -> dict:
    try:
        return {"status": 0, "detail": act()}
    except FalClientHTTPError as error:
        return {"status": error.status_code, "detail": error.message, "error_type": error.error_type}


def queue() -> dict:
    handle = fal_client.submit(APP, arguments=arguments(seed=7))
    seen, logs, position, time = [], [], None, None
    for event in handle.iter_events(with_logs=True, interval=0.02):
        seen.append(type(event).__name__)
        position = getattr(event, "position", position)
        logs += [log["message"] for log in getattr(event, "logs", None) or []]
        time = getattr(event, "metrics", {}).get("inference_time")
    result = handle.get()
    by_id = {
        "status": type(fal_client.status(APP, handle.request_id, with_logs=False)).__name__,
        "result": fal_client.result(APP, handle.request_id),
    }
    model = httpx.get(result["model_glb"]["url"], trust_env=False, verify=os.environ["SSL_CERT_FILE"])
    return {
        "id": handle.request_id, "statuses": seen, "logs": logs, "position": position, "inference_time": time,
        "result": result, "model": model.content[:4].decode(), "by_id": by_id,
    }  # fmt: skip


def subscribe() -> dict:
    updates: list[str] = []
    result = fal_client.subscribe(
        APP, arguments=arguments(), with_logs=True, on_queue_update=lambda update: updates.append(type(update).__name__)
    )
    return {"result": result, "updates": updates}


def cancel() -> dict:
    steer("/faults", {"provider": "fal", "fate": {"end": "stuck"}})
    handle = fal_client.submit(APP, arguments=arguments(resolution=1536))
    handle.cancel()
    ended = refusal(lambda: handle.get(interval=0.02))
    again = refusal(handle.cancel)
    return {"first": "accepted", "status": ended["status"], "again": again["status"]}


def failed(seed: int, **fate) -> dict:
    steer("/faults", {"provider": "fal", "fate": {"end": "fails"} | fate})
    return refusal(lambda: fal_client.subscribe(APP, arguments=arguments(seed=seed)))


def refusals() -> dict:
    def submit(**more):
        return refusal(lambda: str(fal_client.submit(APP, arguments=more)))

    stranger = fal_client.SyncClient(key="another-key")
    return {
        "unknown": submit(image_url=PICTURE, enable_pbr=True),
        "range": submit(image_url=PICTURE, ss_rescale_t=0.5),
        "missing": submit(resolution=512),
        "type": submit(image_url=PICTURE, seed="7"),
        "key": refusal(lambda: str(stranger.submit(APP, arguments=arguments()))),
        "job": refusal(lambda: str(fal_client.status(APP, "b0a1c7e4-0000-4000-8000-000000000000"))),
    }


async def asynchronous() -> dict:
    client = fal_client.AsyncClient()
    handle = await client.submit(APP, arguments=arguments())
    return await handle.get(interval=0.05)


def counted(what: str) -> int:
    return control.get("").json()["providers"]["fal"]["counts"].get(what, 0)


def throttled() -> tuple[dict, int]:
    """The SDK waits and asks again when it is told that there are too many."""
    before = counted("submit")
    steer("/faults", {"provider": "fal", "route": "submit", "status": 429, "times": 2})
    return fal_client.subscribe(APP, arguments=arguments()), counted("submit") - before


def main() -> None:
    if "untrusted" in sys.argv:
        # One try: the SDK takes a certificate it cannot verify for a lost connection, and tries ten times.
        fal_client.client.MAX_ATTEMPTS = 1
        fal_client.submit(APP, arguments=arguments())
    result, tries = throttled()
    story = {
        "queue": queue(), "subscribe": subscribe(), "run": fal_client.run(APP, arguments=arguments()),
        "async": asyncio.run(asynchronous()),
        "texts": fal_client.subscribe(
            APP, arguments={"image_url": data_uri(), "resolution": "1024", "texture_size": "4096"}
        ),
        "cancel": cancel(), "failures": [failed(2), failed(3)],
        "broke": failed(5, code="runner_server_error", status=500, message="The runner went away"),
        "refusals": refusals(), "throttled": result, "throttled_tries": tries,
    }  # fmt: skip
    print(json.dumps(story))


main()
