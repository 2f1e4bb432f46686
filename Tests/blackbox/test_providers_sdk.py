"""The providers' own SDKs from PyPI, unchanged, against the simulator: they are the witnesses that it speaks as the real
ones do. `fal-client` over TLS with a CA of ours, `runware-sdk` by its REST transport."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import subprocess
import sys

import httpx
import pytest
from runware import Runware
from runware.errors import RunwareError

from authority import Authority
from gateway import data_uri
from work_house import Simulator

PICTURE = "https://example.com/chair.png"
HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def sim(authority: Authority):
    tls = ("--listen-tls", "127.0.0.1:0", "--certificate", authority.certificate, "--key", authority.key)
    with Simulator(more=tls) as running:
        running.settings(keys={"fal": ["a-good-key"], "runware": ["a-good-key"]})
        yield running


# fal-client


@pytest.fixture(scope="module")
def story(sim: Simulator, authority: Authority) -> dict:
    """What the SDK saw, in a process of its own: it reads its hosts when it is imported."""
    run = fal(sim, authority.ca)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def fal(sim: Simulator, ca: str | None, *words: str) -> subprocess.CompletedProcess:
    host = sim.tls_url.removeprefix("https://")
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and not k.startswith(("FAL_", "SSL_"))}
    env |= {"FAL_RUN_HOST": f"{host}/fal-run", "FAL_QUEUE_RUN_HOST": f"{host}/fal", "FAL_KEY": "a-good-key", "CONTROL": sim.url}
    if ca:
        env["SSL_CERT_FILE"] = ca
    command = [sys.executable, str(HERE / "fal_story.py"), *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def test_fal_submit_status_result(sim: Simulator, story: dict):
    told = story["queue"]
    assert told["statuses"][0] == "Queued" and told["statuses"][-1] == "Completed"
    assert "InProgress" in told["statuses"]
    assert told["position"] == 0
    assert told["inference_time"] > 0
    assert any("Sampling" in log for log in told["logs"])
    assert told["result"]["model_glb"]["url"].startswith(sim.tls_url)
    # The file is fetched by its address alone, over the same TLS.
    assert told["model"] == "glTF"
    job = next(j for j in sim.jobs("fal") if j["id"] == told["id"])
    assert job["input"] == {"image_url": PICTURE, "resolution": 512, "seed": 7}
    assert told["by_id"] == {"status": "Completed", "result": told["result"]}


def test_fal_subscribe_and_run(story: dict):
    assert story["subscribe"]["result"]["model_glb"]["content_type"] == "model/gltf-binary"
    assert story["subscribe"]["updates"][-1] == "Completed"
    assert story["run"]["model_glb"]["file_name"].endswith(".glb")
    assert story["async"]["model_glb"]["url"]


def test_fal_data_uri_and_texts_for_choices(sim: Simulator, story: dict):
    """The types say integers and the defaults are texts: both are taken."""
    assert story["texts"]["model_glb"]["url"]


def test_fal_cancel(story: dict):
    # A second one finds it ended; the result then is the error of a client that left.
    assert story["cancel"] == {"first": "accepted", "status": 499, "again": 400}


def test_fal_failed_job(story: dict):
    for failure in story["failures"]:
        assert failure["status"] == 422
        assert failure["detail"][0]["type"] == "image_load_error"
        assert failure["detail"][0]["loc"] == ["body", "image_url"]
    broke = story["broke"]
    assert (broke["status"], broke["error_type"], broke["detail"]) == (500, "runner_server_error", "The runner went away")


def test_fal_refusals(story: dict):
    refusals = story["refusals"]
    assert [refusals[name]["status"] for name in ("unknown", "range", "missing", "type")] == [422] * 4
    assert refusals["unknown"]["detail"][0]["loc"] == ["body", "enable_pbr"]
    assert refusals["range"]["detail"][0]["loc"] == ["body", "ss_rescale_t"]
    assert refusals["missing"]["detail"][0]["type"] == "missing"
    assert refusals["key"]["status"] == 401
    assert refusals["job"]["status"] == 404


def test_fal_throttled_submits_are_tried_again(sim: Simulator, story: dict):
    assert story["throttled"]["model_glb"]["url"]
    assert story["throttled_tries"] == 3


def test_fal_without_the_authority_nothing_is_said(sim: Simulator):
    before = sim.count("fal", "requests")
    run = fal(sim, None, "untrusted")
    assert "CERTIFICATE_VERIFY_FAILED" in run.stdout + run.stderr
    assert sim.count("fal", "requests") == before


# runware-sdk


def runware(sim: Simulator, key: str = "a-good-key", secure: bool = False, **more) -> Runware:
    return Runware(
        api_key=key, transport="rest", http_base_url=f"{sim.tls_url if secure else sim.url}/v1",
        max_retries=3, retry_delay=20, poll_timeout=20_000, **more,
    )  # fmt: skip


def task(**more) -> dict:
    return {
        "taskType": "3dInference", "model": "microsoft:trellis-2@4b", "inputs": {"image": PICTURE}, "outputType": "URL",
        "outputFormat": "GLB", "includeCost": True,
    } | more  # fmt: skip


def ask(sim: Simulator, *tasks: dict, key: str = "a-good-key") -> list:
    """Runs all of them at once; an exception stands for itself."""

    async def all_of_them() -> list:
        async with runware(sim, key) as client:
            return await asyncio.gather(*(client.run(t) for t in tasks), return_exceptions=True)

    return asyncio.run(all_of_them())


def test_runware_submit_poll_result(sim: Simulator):
    settings = {
        "resolution": 512, "textureSize": 3072, "decimationTarget": 100_000, "remesh": False,
        "sparseStructure": {"steps": 50, "guidanceStrength": 1, "guidanceRescale": 0.25, "rescaleT": 1.5},
        "shapeSlat": {"steps": 1}, "texSlat": {"guidanceStrength": 10},
    }  # fmt: skip
    one, two, held, bytes_ = ask(
        sim,
        task(seed=9_007_199_254_740_993, settings=settings, ttl=60),
        task(numberResults=2, seed=40),
        task(deliveryMethod="sync", seed=3),
        task(inputs={"image": data_uri()}),
    )
    for results in (one, two, held, bytes_):
        assert not isinstance(results, BaseException), repr(results)
    # A seed beyond what a double holds comes back as it went.
    assert (one[0]["seed"], one[0]["cost"], one[0]["status"]) == (9_007_199_254_740_993, 0.012, "success")
    assert [(r["resultIndex"], r["seed"]) for r in two] == [(0, 40), (1, 41)]
    assert (held[0]["seed"], held[0]["cost"]) == (3, 0.0256)
    url = one[0]["outputs"]["files"][0]["url"]
    assert httpx.get(url, trust_env=False).content.startswith(b"glTF")
    job = next(j for j in sim.jobs("runware") if j["id"] == one[0]["taskUUID"])
    assert job["input"]["settings"] == settings
    assert job["looks"] >= 1


@pytest.mark.parametrize("seed", [2, 3])
def test_runware_failed_job(sim: Simulator, seed: int):
    """Told under `errors` for one seed, as an item of `data` for the other: the SDK takes both."""
    sim.fault(provider="runware", fate={"end": "fails", "code": "inferenceError", "message": "The mesh came out empty."})
    (failed,) = ask(sim, task(seed=seed, settings={"resolution": 512}))
    assert isinstance(failed, RunwareError), failed
    assert "The mesh came out empty." in str(failed)
    assert sim.jobs("runware")[-1]["refunded"]


def test_runware_refusals(sim: Simulator):
    sim.clear()
    bought = sim.count("runware", "bought")
    range_, unknown, missing, model, twice = ask(
        sim,
        task(settings={"resolution": 768}),
        task(settings={"enablePBR": True}),
        task(inputs={}),
        task(model="runware:101@1"),
        task(taskUUID="not-a-uuid"),
    )
    assert [type(e) for e in (range_, unknown, missing, model, twice)] == [RunwareError] * 5
    assert {e.status_code for e in (range_, unknown, missing, model, twice)} == {400}
    assert range_.parameter == "settings.resolution" and range_.code == "validation"
    assert unknown.parameter == "settings.enablePBR"
    assert missing.parameter == "inputs.image"
    assert model.parameter == "model"
    (wrong,) = ask(sim, task(), key="another-key")
    assert isinstance(wrong, RunwareError) and wrong.status_code == 401
    assert "auth" in wrong.code.lower() or "key" in wrong.code.lower(), wrong.code
    assert sim.count("runware", "bought") == bought


def test_runware_the_same_uuid_twice_is_a_conflict(sim: Simulator):
    uuid = "0b9f6c1e-53d4-4c6f-9a57-9d1f3c0e7a42"
    first = ask(sim, task(taskUUID=uuid, settings={"resolution": 512}))[0]
    second = ask(sim, task(taskUUID=uuid, settings={"resolution": 512}))[0]
    assert first[0]["taskUUID"] == uuid
    assert isinstance(second, RunwareError) and second.status_code == 409
    assert len([j for j in sim.jobs("runware") if j["id"] == uuid]) == 1


def test_runware_busy_and_broken_answers_are_tried_again(sim: Simulator):
    before = sim.count("runware", "submit")
    sim.fault(provider="runware", route="submit", status=429)
    sim.fault(provider="runware", route="submit", status=503)
    sim.fault(provider="runware", route="look", close=True)
    (results,) = ask(sim, task(settings={"resolution": 512}))
    assert not isinstance(results, BaseException), repr(results)
    assert results[0]["status"] == "success"
    assert sim.count("runware", "submit") == before + 3


def test_runware_balance_and_an_unknown_task(sim: Simulator):
    async def calls():
        async with runware(sim) as client:
            account = await client.account_management({"operation": "getDetails"})
            with pytest.raises(RunwareError) as unknown:
                await client.get_response({"taskUUID": "9b2f6c1e-53d4-4c6f-9a57-9d1f3c0e7a42"})
            return account, unknown.value

    account, unknown = asyncio.run(calls())
    balance = account[0]["balance"] if isinstance(account, list) else account["balance"]
    assert 0 < balance <= 1000
    assert unknown.status_code == 404 and unknown.code == "notFound"
