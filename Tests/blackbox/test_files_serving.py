"""Serving: what a signed address gives, to whom, for how long, and what no address ever gives."""

import hashlib
import re
import socket
import time
import urllib.parse

import httpx
import pytest

from gateway import Gateway, data_uri, png
from work_house import Simulator, work_gateway


@pytest.fixture(scope="module")
def served(shared_gateway):
    """A finished task with a thumbnail: its gateway, addresses and bytes."""
    g = shared_gateway
    status = g.finished(g.submit({"image": data_uri(), "textures": True, "generate_thumbnail": True, "seed": 7}))
    assert status["status"] == "FINISHED", status
    url = status["results"][0]["asset"]
    return g, url, g.get(url, key=None).content, status


def ask(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    return httpx.request(method, url, headers={n.replace("_", "-"): v for n, v in headers.items()}, trust_env=False)


def test_the_whole_file_needs_no_key_and_minds_none(served):
    g, url, content, status = served
    answer = ask(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "model/gltf-binary"
    assert answer.headers["content-length"] == str(len(content)) == str(status["results"][0]["size_bytes"])
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert re.fullmatch(r'inline; filename="trellis2_1024_7\.glb"', answer.headers["content-disposition"])
    digest = hashlib.sha256(content).hexdigest()
    assert answer.headers["etag"] == f'"{digest}"' and f"/{digest}.glb?" in url
    assert ask(url, Authorization="Bearer nonsense").content == content
    picture = ask(status["results"][0]["thumbnail"])
    assert picture.headers["content-type"] == "image/png" and picture.content.startswith(b"\x89PNG")
    assert 'filename="trellis2_1024_7.png"' in picture.headers["content-disposition"]


@pytest.mark.parametrize(
    "wish, span",
    [
        ("bytes=0-99", (0, 100)), ("bytes=100-", (100, None)), ("bytes=-50", (-50, None)), ("bytes=0-0", (0, 1)),
        ("bytes=5-99999999999999999999999", (5, None)), ("bytes=-99999999", (0, None)),
    ],
)  # fmt: skip
def test_a_range_gives_that_part(served, wish, span):
    _, url, content, _ = served
    answer = ask(url, Range=wish)
    expected = content[span[0] : span[1]]
    assert answer.status_code == 206
    assert answer.content == expected
    start = span[0] if span[0] >= 0 else len(content) + span[0]
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(content)}"


@pytest.mark.parametrize("wish", ["bytes=9-5", "bytes=x-5", "lines=0-5", "bytes=0-1,5-6", "bytes=", "bytes=-", "0-5"])
def test_a_range_that_is_not_understood_gives_the_whole(served, wish):
    _, url, content, _ = served
    answer = ask(url, Range=wish)
    assert (answer.status_code, answer.content) == (200, content)


@pytest.mark.parametrize("wish", ["bytes=99999999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_416_with_the_size(served, wish):
    _, url, content, _ = served
    answer = ask(url, Range=wish)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(content)}"


def test_a_download_can_be_resumed_only_from_the_same_file(served):
    _, url, content, _ = served
    tag = ask(url, "HEAD").headers["etag"]
    same = ask(url, Range="bytes=10-", If_Range=tag)
    assert (same.status_code, same.content) == (206, content[10:])
    for other in ('"another"', f"W/{tag}", "Sat, 01 Jan 2028 00:00:00 GMT"):
        answer = ask(url, Range="bytes=10-", If_Range=other)
        assert (answer.status_code, answer.content) == (200, content), other


def test_who_has_it_already_is_told_so(served):
    _, url, content, _ = served
    tag = ask(url, "HEAD").headers["etag"]
    for condition in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = ask(url, If_None_Match=condition)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag), condition
    assert ask(url, If_None_Match='"x"').content == content
    assert ask(url, If_Match='"x"').status_code == 412
    assert ask(url, If_Match=tag).content == content


def test_head_tells_all_and_sends_nothing(served):
    _, url, content, _ = served
    answer, whole = ask(url, "HEAD"), ask(url)
    assert (answer.status_code, answer.content) == (200, b"")
    ours = {"content-length", "content-type", "etag", "accept-ranges", "content-disposition", "cache-control"}
    assert {n: answer.headers[n] for n in ours if n != "cache-control"} == {
        n: whole.headers[n] for n in ours if n != "cache-control"
    }


def test_another_method_is_405(served):
    _, url, _, _ = served
    answer = ask(url, "DELETE")
    assert answer.status_code == 405 and "GET" in answer.headers["allow"]


def test_an_address_that_was_changed_proves_nothing(served):
    g, url, _, _ = served
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    changes = [
        {"expires": str(int(query["expires"]) + 1)}, {"name": "evil.html"}, {"signature": "0" * 64},
        {"signature": query["signature"][:-1]}, {"signature": query["signature"].upper() + "0"},
    ]  # fmt: skip
    for change in changes:
        changed = parts._replace(query=urllib.parse.urlencode(query | change)).geturl()
        assert ask(changed).status_code == 403, change
    for missing in query:
        rest = {n: v for n, v in query.items() if n != missing}
        assert ask(parts._replace(query=urllib.parse.urlencode(rest)).geturl()).status_code == 403, missing
    other = parts._replace(path=parts.path.replace(parts.path[-10:-4], "000000")).geturl()
    assert ask(other).status_code == 403
    as_input = parts._replace(path=parts.path.replace("/v1/assets/", "/v1/inputs/")).geturl()
    assert ask(as_input).status_code == 403, "an address for one room opens no other"
    as_page = parts._replace(path=parts.path.replace(".glb", ".html")).geturl()
    assert ask(as_page).status_code == 403


@pytest.mark.parametrize(
    "name",
    [
        "../store.sqlite", "..%2fstore.sqlite", "..%252f..%252fetc%252fpasswd", "%2e%2e/%2e%2e/secrets", "drafts/1-1",
        "..\\..\\etc\\passwd", "....//....//etc/passwd", "%00", "a" * 64, "A" * 64 + ".glb", "%c0%ae%c0%ae/x", ".", "",
    ],
)  # fmt: skip
def test_no_path_leads_out(served, name):
    g, url, _, _ = served
    query = urllib.parse.urlsplit(url).query
    for room in ("assets", "inputs"):
        # Written by hand: a client's library would tidy the path.
        with socket.create_connection(("127.0.0.1", g.port), 10) as wire:
            wire.sendall(f"GET /v1/{room}/{name}?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := wire.recv(65536):
                answer += piece
        status = int(answer.split()[1])
        assert status in (400, 403, 404), answer[:200]
        assert b"SQLite format" not in answer and b"root:" not in answer


def test_a_picture_is_served_to_providers_that_take_only_addresses_until_the_task_must_end():
    picture = png(salt=3)
    with Simulator() as sim, work_gateway({"pixazo": sim}, {"public_url": None}) as g:
        sim.settings(durations={"pixazo": 0.01})
        # Without a public_url nobody could fetch it: said before any money moves, and said how to mend it.
        refused = g.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri(picture)})
        assert refused.status_code == 400 and "public_url" in refused.text, refused.text
        assert g.get("/v1/wallet/").json() == {"balance": 1_000_000, "held": 0, "spent": 0}
        g.config["public_url"] = g.url
        g.restart()
        sim.fault(provider="pixazo", fate={"end": "stuck"})
        g.submit({"image": data_uri(picture), "cancel_after": 3})
        end = time.monotonic() + 20
        while not (jobs := sim.jobs("pixazo")):
            assert time.monotonic() < end
            time.sleep(0.01)
        url = jobs[0]["input"]["image_url"]
        assert url.startswith(f"{g.url}/v1/inputs/")
        answer = ask(url)
        assert (answer.status_code, answer.content) == (200, picture)
        assert answer.headers["content-type"] == "image/png"
        assert ask(url.replace("/inputs/", "/assets/")).status_code == 403
        while (answer := ask(url)).status_code == 200:
            assert time.monotonic() < end, "the address never expires"
            time.sleep(0.05)
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "gone")
