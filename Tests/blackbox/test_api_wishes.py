"""What a demanding user tries next: odd types in the gateway's own fields, wishes to the sandbox, posts sent twice."""

import base64
import json
import struct
import time
import uuid

import pytest

from gateway import Gateway, contents, data_uri, png

SUBMIT = "/v1/3d-models/trellis2/generate/"
QUOTE = "/v1/3d-models/trellis2/quote/"
ENDPOINTS = "/v1/webhook-endpoints/"
HOOK = "http://127.0.0.1:59998/hook"


@pytest.fixture(scope="module")
def gateway():
    with Gateway(config={"providers": {"sandbox": {"duration": 0.05}}}) as running:
        yield running


def picture(**fields) -> dict:
    return {"image": data_uri()} | fields


ODD = [
    ("provider", 7), ("provider", []), ("provider", [7]), ("provider", "Sandbox"), ("provider", {}), ("provider", ""),
    ("webhook_url", 7), ("webhook_url", "ftp://example.com/"), ("webhook_url", ""), ("webhook_url", "x" * 9000),
    ("webhook_url", "http://user:secret@example.com/"), ("webhook_url", "http://169.254.169.254/"),
    ("upload_url", True), ("upload_url", "/relative"), ("upload_url", "http://[::1]/"), ("upload_url", []),
    ("metadata", []), ("metadata", "a=b"), ("metadata", {str(n): "x" for n in range(17)}),
    ("metadata.long", {"long": "x" * 513}), ("metadata.deep", {"deep": {}}), ("metadata.none", {"none": None}),
]


@pytest.mark.parametrize("name, value", ODD, ids=lambda value: json.dumps(value)[:40])
def test_an_odd_value_of_the_gateways_own_fields_is_named(gateway, name, value):
    answer = gateway.post(QUOTE, json=picture(**{name.split(".")[0]: value}))
    assert answer.status_code == 400, answer.text
    detail = answer.json()["error"]["details"][0]
    assert detail["param"] == name and len(detail["message"]) > len(name) + 10


def test_sixteen_pairs_of_metadata_at_their_longest_are_taken(gateway):
    metadata = {f"{n:064}": "x" * 512 for n in range(16)}
    task = gateway.submit(picture(metadata=metadata))
    assert gateway.finished(task)["metadata"] == metadata


@pytest.mark.parametrize("pipeline, price", [("512", 15), ("1024_cascade", 20), ("1536_cascade", 25)])
def test_the_price_follows_the_pipeline_where_it_names_the_resolution(gateway, pipeline, price):
    assert gateway.post(QUOTE, json=picture(pipeline_type=pipeline)).json()["credits"] == price
    same = pipeline.split("_")[0]
    assert gateway.post(QUOTE, json=picture(pipeline_type=pipeline, resolution=same)).json()["credits"] == price
    other = "512" if same != "512" else "1024"
    answer = gateway.post(QUOTE, json=picture(pipeline_type=pipeline, resolution=other))
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "pipeline_type"


def test_a_submit_says_that_the_sandbox_takes_it(gateway):
    assert "sandbox" in gateway.post(SUBMIT, json=picture()).json()["notice"]


def test_a_misspelt_wish_to_the_sandbox_is_refused_with_the_nearest(gateway):
    before = gateway.get("/v1/wallet/").json()["balance"]
    for path in [SUBMIT, QUOTE]:
        answer = gateway.post(path, json=picture(metadata={"sandbox": "fial"}))
        assert answer.status_code == 400, answer.text
        detail = answer.json()["error"]["details"][0]
        assert detail["param"] == "metadata.sandbox" and detail["value"] == "fial"
        assert "fail" in detail["allowed"] and "fail" in detail["suggestion"]
    assert gateway.get("/v1/wallet/").json()["balance"] == before
    assert gateway.post(SUBMIT, json=picture(metadata={"sandbox": "slow"})).status_code == 200


def test_a_wish_the_sandbox_knows_comes_true(gateway):
    status = gateway.finished(gateway.submit(picture(metadata={"sandbox": "fail"})))
    assert status["status"] == "FAILED" and status["credits"] == 0 and status["failure_reason"]


HUGE = bytearray(png())
HUGE[16:24] = struct.pack(">II", 100_000, 100_000)
JPEG = b"\xff\xd8\xff\xc0\0\x11\x08\0\x10\0\x10\3\1\x22\0\2\x11\1\3\x11\1"
VP8X = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x0f\0\0"


@pytest.mark.parametrize("broken, words", [
    (png()[:45], "ends after 45 bytes"), (png()[:33], "ends after 33 bytes"), (bytes(HUGE), "100000 × 100000 pixels"),
    (JPEG, "before its pixels begin"), (VP8X, "before all its pixels"), (b"GIF89a", "this is a GIF"),
], ids=["cut in its data", "cut after its header", "huge", "JPEG without a scan", "WebP without pixels", "GIF"])
def test_a_picture_that_nobody_could_decode_is_refused_and_costs_nothing(gateway, broken, words):
    before = gateway.get("/v1/wallet/").json()
    for path in (SUBMIT, QUOTE):
        answer = gateway.post(path, json={"image": base64.b64encode(broken).decode()})
        error = answer.json()["error"]
        assert answer.status_code == 400 and error["code"] == "validation_failed" and error["param"] == "image"
        assert error["message"].startswith("image cannot be used: ") and words in error["message"]
        assert error["message"].endswith(".") and "image_url" in error["suggestion"]
    assert gateway.get("/v1/wallet/").json() == before


@pytest.mark.parametrize("odd", [png() + b"more", png()[:-12]], ids=["more after its end", "no end"])
def test_a_picture_that_decoders_forgive_is_taken(gateway, odd):
    assert gateway.finished(gateway.submit({"image": data_uri(odd)}))["status"] == "FINISHED"


def test_what_cannot_be_fetched_is_told_at_once_and_as_it_is_here():
    with Gateway(config={"network": {"http": False, "allow": []}}) as strict:
        for url, words in {
            "ftp://example.com/a.png": "image_url has the scheme ftp; it must be https.",
            "http://example.com/a.png": "image_url has the scheme http; it must be https.",
            "http://10.0.0.1/a.png": "has the scheme http and leads to an address that is not allowed",
        }.items():
            message = strict.post(QUOTE, json={"image_url": url}).json()["error"]["message"]
            assert words in message and message.endswith(".") and not message.endswith(".."), message


def test_the_first_task_already_says_how_long_it_may_take():
    """Nothing is measured yet: what such a job takes as a rule has to do."""
    with Gateway(config={"providers": {"sandbox": {"duration": 40, "concurrency": 1}}}) as fresh:
        first, second = fresh.submit(), fresh.submit()
        deadline = time.monotonic() + 30
        while (status := fresh.status(first))["state"] != "running":
            assert time.monotonic() < deadline, status
            time.sleep(0.05)
        assert 1 <= status["eta_seconds"] <= 40 and status["queue_position"] is None
        # The next in line: nobody waits before it.
        assert fresh.status(second)["queue_position"] == 0


@pytest.mark.parametrize("wish, state", [("hang", "running"), ("busy", "queued")])
def test_a_task_that_is_late_is_not_nearly_done_for_ever(gateway, wish, state):
    """Such a job takes a second or so here: what runs for much longer has no time left that anybody knows."""
    task = gateway.submit(picture(metadata={"sandbox": wish}))
    deadline = time.monotonic() + 20
    while (status := gateway.status(task))["state"] != state or status["eta_seconds"] is not None:
        assert time.monotonic() < deadline, status
        time.sleep(0.05)
    time.sleep(0.5)
    assert gateway.status(task)["eta_seconds"] is None


def test_a_receipt_tells_nothing_of_what_the_house_holds_for_others(gateway):
    """A settlement is between the house's own accounts: their balances and numbers are not a customer's to read."""
    task = gateway.submit(picture())
    gateway.finished(task)
    postings = gateway.get(f"/v1/generation-request/{task}/receipt/").json()["charged"]["postings"]
    seen = {p["kind"]: (p["balance_after"], p["account_sequence"]) for p in postings}
    assert set(seen) == {"hold", "settle"} and seen["settle"] == (None, None) and None not in seen["hold"]


# Posts sent twice


def once() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def test_an_endpoint_made_twice_with_one_key_is_one(gateway):
    headers, before = once(), len(gateway.get(ENDPOINTS).json()["items"])
    first = gateway.post(ENDPOINTS, json={"url": HOOK, "events": ["task.finished"]}, headers=headers)
    again = gateway.post(ENDPOINTS, json={"events": ["task.finished"], "url": HOOK, "scheme": None}, headers=headers)
    assert first.status_code == again.status_code == 201, again.text
    assert again.content == first.content and again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers and first.json()["secret"].startswith("whsec_")
    assert len(gateway.get(ENDPOINTS).json()["items"]) == before + 1
    other = gateway.post(ENDPOINTS, json={"url": HOOK + "2"}, headers=headers)
    assert other.status_code == 422 and other.json()["error"]["code"] == "idempotency_key_reused"
    # Another account's key is its own, and a submit's as well.
    made = gateway.admin("POST", "/admin/v1/accounts", {"name": str(uuid.uuid4()), "credits": 100})
    assert gateway.post(ENDPOINTS, json={"url": HOOK}, headers=headers, key=made["key"]).status_code == 201
    assert gateway.post(SUBMIT, json=picture(), headers=headers).status_code == 200
    # The kept answer shows the secret again, and yet the data directory does not hold it.
    secret = first.json()["secret"].removeprefix("whsec_").encode()
    assert not any(secret in data for _, data in contents(gateway.data.rglob("*")))
    gateway.restart()
    again = gateway.post(ENDPOINTS, json={"url": HOOK, "events": ["task.finished"]}, headers=headers)
    assert again.content == first.content


def test_a_secret_rotated_twice_with_one_key_is_rotated_once(gateway):
    path = f"{ENDPOINTS}{gateway.post(ENDPOINTS, json={'url': HOOK}).json()['id']}/rotate/"
    headers = once()
    first, again = (gateway.post(path, json={"overlap_seconds": 60}, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert again.json()["secret"] == first.json()["secret"] and again.headers["Idempotent-Replayed"] == "true"
    assert gateway.post(path, json={"overlap_seconds": 60}).json()["secret"] != first.json()["secret"]
    assert gateway.post(path, json={"overlap_seconds": 61}, headers=headers).status_code == 422


def test_a_bad_key_is_refused_there_as_everywhere(gateway):
    before = len(gateway.get(ENDPOINTS).json()["items"])
    for wrong in ["", "x" * 256, '"open']:
        answer = gateway.post(ENDPOINTS, json={"url": HOOK}, headers={"Idempotency-Key": wrong})
        assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_idempotency_key", wrong
    assert len(gateway.get(ENDPOINTS).json()["items"]) == before


def test_a_refused_post_leaves_its_key_free(gateway):
    headers = once()
    assert gateway.post(ENDPOINTS, json={"url": "nonsense"}, headers=headers).status_code == 400
    assert gateway.post(ENDPOINTS, json={"url": HOOK}, headers=headers).status_code == 201
    missing = f"/v1/webhook-deliveries/{uuid.uuid4()}/resend/"
    headers = once()
    assert [gateway.post(missing, headers=headers).status_code for _ in range(2)] == [404, 404]
