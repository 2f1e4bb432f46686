"""The requests under docs/ and the client examples, run as a reader would run them."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from gateway import ROOT, Gateway, png

REQUESTS = sorted((ROOT / "docs/requests").glob("*.sh"))


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as running:
        running.gen_key = running.admin("POST", "/admin/v1/accounts/tests/keys", {"scope": "admin"})["key"]
        running.last = running.submit()
        running.finished(running.last)
        yield running


def environment(gateway) -> dict[str, str]:
    return os.environ | {
        "GATEWAY": gateway.url, "API_KEY": gateway.key, "TASK_ID": gateway.last, "ADMIN_KEY": gateway.gen_key,
        "no_proxy": "*", "NO_PROXY": "*",
    }


def order(path: pathlib.Path) -> tuple[bool, str]:
    # The account that the other admin requests speak of is made first.
    return (path.name != "admin-create-account.sh", path.name)


@pytest.mark.parametrize("path", sorted(REQUESTS, key=order), ids=lambda path: path.name)
def test_a_request_works_as_printed(gateway, path):
    run = subprocess.run(["sh", str(path)], env=environment(gateway), capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    if path.name == "events.sh":
        assert "event: status" in run.stdout and '"FINISHED"' in run.stdout
        return
    answer = json.loads(run.stdout)
    if path.name == "cancel.sh":
        assert answer["error"]["code"] == "too_late"
    else:
        assert "error_code" not in answer, answer


def test_the_seeds_examples_are_printed_with_only_host_and_key_replaced():
    for name in ["generate.sh", "status.sh", "full-example.sh"]:
        text = (ROOT / "docs/requests" / name).read_text()
        assert "$GATEWAY/v1/" in text and "Bearer $API_KEY" in text
        assert not re.search(r"jq|sed|python", text)


CLIENTS = [
    pytest.param(["sh", "generate.sh"], id="curl"),
    pytest.param([sys.executable, "generate.py"], id="requests"),
    pytest.param(["node", "generate.mjs"], id="node"),
]


@pytest.fixture(scope="module")
def strict():
    """One that takes no submit without an Idempotency-Key: each example sends one."""
    with Gateway(config={"idempotency": {"required": True}}) as running:
        yield running


def client(gateway, directory, program, picture: bytes, **more: str) -> subprocess.CompletedProcess:
    if shutil.which(program[0]) is None:
        pytest.fail(f"{program[0]} is not installed; `make test` brings it")
    (directory / "picture.png").write_bytes(picture)
    command = [program[0], str(ROOT / "docs/clients" / program[1]), "picture.png", "model.glb"]
    surroundings = os.environ | {"GATEWAY": gateway.url, "API_KEY": gateway.key, "no_proxy": "*", "NO_PROXY": "*"}
    return subprocess.run(
        command, env=surroundings | more, cwd=directory, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("program", CLIENTS)
def test_a_client_example_makes_a_model(strict, tmp_path, program):
    run = client(strict, tmp_path, program, png(32, 24))
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / "model.glb").read_bytes()[:4] == b"glTF"
    assert {path.name for path in tmp_path.iterdir()} == {"picture.png", "model.glb"}


@pytest.mark.parametrize("program", CLIENTS)
def test_a_client_example_says_why_it_was_refused(strict, tmp_path, program):
    run = client(strict, tmp_path, program, png(32, 24), API_KEY="tgu_wrong")
    assert run.returncode == 1 and "This is not an API key of this gateway" in run.stderr
    run = client(strict, tmp_path, program, b"no picture")
    assert run.returncode == 1 and "the picture must be a PNG, JPEG or WebP" in run.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"picture.png"}


def test_the_swift_example_compiles(tmp_path):
    swiftc = shutil.which("swiftc")
    if swiftc is None:
        pytest.fail("swiftc is not on the path")
    source = ROOT / "docs/clients/generate.swift"
    run = subprocess.run([swiftc, "-typecheck", str(source)], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr


def test_httpx_does_submit_poll_and_download(gateway):
    import httpx

    with httpx.Client(base_url=gateway.url, headers={"Authorization": f"Bearer {gateway.key}"}) as client:
        body = {"image_url": "https://example.com/my-object.png", "resolution": "1024", "textures": True}
        task = client.post("/v1/3d-models/trellis2/generate/", json=body).raise_for_status().json()["task_id"]
        while (status := client.get(f"/v1/generation-request/{task}/status/").json())["status"] != "FINISHED":
            assert status["status"] != "FAILED", status
        # The key goes along to the asset, as published clients send it.
        model = client.get(status["results"][0]["asset"]).raise_for_status()
        assert model.content[:4] == b"glTF" and model.headers["content-type"] == "model/gltf-binary"
