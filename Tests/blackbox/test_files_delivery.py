"""Delivery: a result put where the customer wants it, told in the answer, or left where it is."""

import base64
import io

import pytest
from PIL import Image

from file_host import FileHost, small_glb
from gateway import data_uri, png
from work_house import Simulator, work_gateway

BODY = {"image": data_uri(), "textures": True}


@pytest.fixture(scope="module")
def parts():
    with Simulator() as sim, FileHost() as host:
        yield sim, host


@pytest.fixture(scope="module")
def g(parts):
    with work_gateway({"fal": parts[0]}) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_planned(parts):
    parts[0].clear()


def result_at(sim: Simulator, url: str) -> None:
    sim.fault(provider="fal", route="result", body=f'{{"model_glb":{{"url":"{url}"}}}}', times=None)


@pytest.mark.parametrize(
    "name, answers, expected, tries",
    [
        ("at once", [200], "uploaded", 1), ("created", [201], "uploaded", 1),
        ("after two refusals", [503, 500, 204], "uploaded", 3), ("throttled", [429, 200], "uploaded", 2),
        ("never", [503], "failed: status 503", 3), ("forbidden", [403], "failed: status 403", 1),
    ],
)  # fmt: skip
def test_a_model_is_put_to_the_customers_address(g, parts, name, answers, expected, tries):
    _, host = parts
    path = f"/bucket/{name.replace(' ', '-')}.glb?X-Signature=abc"
    host.answers[path] = answers
    status = g.finished(g.submit(BODY | {"upload_url": host.url + path}))
    assert status["status"] == "FINISHED", "a failed upload costs nobody the model"
    assert status["upload"] == expected
    puts = [(headers, data) for where, headers, data in host.puts if where == path]
    model = g.get(status["results"][0]["asset"], key=None).content
    assert [data for _, data in puts] == [model] * tries
    for headers, _ in puts:
        assert headers["content-type"] == "model/gltf-binary"
        assert headers["content-length"] == str(len(model))
        assert "authorization" not in headers


def test_an_upload_is_told_before_the_end_is(g, parts):
    _, host = parts
    status = g.finished(g.submit(BODY | {"upload_url": host.url + "/told.glb"}))
    assert any(where == "/told.glb" for where, _, _ in host.puts), "who hears of the end finds the file there"
    assert status["upload"] == "uploaded"


def test_b64_json_carries_the_model_itself(g):
    for wait in ("", "?wait=10"):
        task = g.submit(BODY | {"response_format": "b64_json"})
        g.finished(task)
        status = g.get(f"/v1/generation-request/{task}/status/{wait}").json()
        result = status["results"][0]
        model = base64.b64decode(result["b64_json"], validate=True)
        assert model == g.get(result["asset"], key=None).content
        assert len(model) == result["size_bytes"]
    listed = g.get("/v1/generation-requests/").json()
    assert "b64_json" not in str(listed), "a list of models in base64 would be no list"
    waited = g.post(
        "/v1/3d-models/trellis2/generate/", json=BODY | {"response_format": "b64_json"}, headers={"Prefer": "wait=20"}
    ).json()
    assert base64.b64decode(waited["results"][0]["b64_json"]).startswith(b"glTF")


def test_a_thumbnail_that_cannot_be_drawn_costs_nothing_and_the_model_stays(g, parts):
    sim, host = parts
    head_only = png(64, 64)[:60]
    host.files["/odd.glb"] = small_glb(texture=head_only)
    result_at(sim, host.url + "/odd.glb")
    before = g.get("/v1/wallet/").json()
    body = BODY | {"generate_thumbnail": True, "include_cost": True}
    status = g.finished(g.submit(body))
    assert status["status"] == "FINISHED", status
    assert status["results"][0]["thumbnail"] is None
    assert status["cost"]["credits_refunded"] == 2
    after = g.get("/v1/wallet/").json()
    assert before["balance"] - after["balance"] == status["cost"]["credits_settled"] == 30
    assert g.get(status["results"][0]["asset"], key=None).content == host.files["/odd.glb"]


def test_what_stands_behind_a_thumbnail_is_the_operators_choice(g, parts):
    sim, host = parts
    host.files["/sound.glb"] = small_glb(texture=png(64, 64))

    def corner(background):
        g.config["assets"] = {"thumbnail_background": background}
        g.write_config()
        g.cli("reload")
        result_at(sim, host.url + "/sound.glb")
        status = g.finished(g.submit(BODY | {"generate_thumbnail": True}))
        picture = Image.open(io.BytesIO(g.get(status["results"][0]["thumbnail"], key=None).content))
        assert picture.size == (400, 400)
        return picture.convert("RGBA").getpixel((0, 0))

    assert corner("transparent")[3] == 0
    assert corner("ground")[3] == 255


def test_passthrough_gives_out_the_providers_own_address(parts):
    sim, host = parts
    host.files["/own.glb"] = small_glb(b"passed through")
    with work_gateway({"fal": sim}, {"assets": {"mode": "passthrough"}}) as g:
        result_at(sim, host.url + "/own.glb")
        fetched = len(host.gets)
        status = g.finished(g.submit({"image_url": "https://example.com/x.png", "textures": True}))
        assert status["results"][0]["asset"] == host.url + "/own.glb"
        assert len(host.gets) == fetched, "nothing was fetched"
        assert not list((g.data / "assets").glob("??/*")), "nothing is kept"
        # What the gateway itself must have in hand is fetched all the same.
        for wish in ({"textures": False}, {"generate_thumbnail": True}, {"response_format": "b64_json"},
                     {"upload_url": host.url + "/put.glb"}):  # fmt: skip
            body = {"image_url": "https://example.com/x.png", "textures": True} | wish
            status = g.finished(g.submit(body))
            assert status["status"] == "FINISHED", (wish, status)
            assert status["results"][0]["asset"].startswith(g.url), wish
            assert g.get(status["results"][0]["asset"], key=None).status_code == 200


@pytest.mark.parametrize("kind", ["png", "none", "page", "large"])
def test_inputs_inline_fetches_internal_pictures_and_sends_their_bytes(parts, kind):
    sim, host = parts
    picture = png(12, 12, salt=4)
    host.files |= {"/in.png": picture, "/page.png": b"<html>", "/large.png": picture + bytes(70_000)}
    path = {"png": "/in.png", "none": "/missing.png", "page": "/page.png", "large": "/large.png"}[kind]
    config = {"inputs": {"inline": True, "picture_bytes": 65536}}
    with work_gateway({"fal": sim}, config) as g:
        bought = sim.count("fal", "bought")
        status = g.finished(g.submit({"image_url": host.url + path, "textures": True}))
        if kind == "png":
            assert status["status"] == "FINISHED", status
            sent = sim.jobs("fal")[-1]["input"]["image_url"]
            assert sent == data_uri(picture)
        else:
            assert status["status"] == "FAILED", status
            assert status["error"]["code"] == ("image_invalid" if kind == "page" else "image_unreachable")
            assert sim.count("fal", "bought") == bought, "nothing was bought for it"
            assert g.get("/v1/wallet/").json()["balance"] == 1_000_000
