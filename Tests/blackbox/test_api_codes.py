"""Every status and every code word that docs/api.md promises, met over a real socket, each in the one shape of errors."""

import concurrent.futures
import http.client
import io
import json
import os
import re
import select
import socket
import time
import uuid

import pytest

from gateway import ROOT, Gateway, data_uri, png
from webhook_receiver import ENDPOINTS, Receiver, endpoint, remove, until

SUBMIT = "/v1/3d-models/trellis2/generate/"
QUOTE = "/v1/3d-models/trellis2/quote/"
STATUS = "/v1/generation-request/{}/status/"
BODY = {"image_url": "http://127.0.0.1:59998/chair.png"}

# What only a storage that fails in the middle of its work brings about: told of in the storage's own fault tests.
OF_A_BROKEN_STORE = {(503, "paused"), (503, "overloaded"), (503, "outcome_unknown"), (503, "shutting_down")}
# And what takes minutes, as many connections as a machine has, or the moment in which a gateway stops.
OF_A_BUSY_HOUSE = {(503, "answer_timeout"), (503, "too_many_connections"), (503, "unavailable")}


class Raw:
    """An answer read from bare bytes."""

    def __init__(self, received: bytes):
        class Source:
            def makefile(self, *_):
                return io.BytesIO(received)

        response = http.client.HTTPResponse(Source())
        response.begin()
        self.status_code, self.headers, self.text = response.status, response.headers, response.read().decode()

    def json(self):
        return json.loads(self.text)


def raw(gateway, request: str | bytes, seconds: float = 30) -> Raw:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=seconds) as client:
        client.sendall(request.encode() if isinstance(request, str) else request)
        client.settimeout(seconds)
        received = b""
        while b"\r\n\r\n" not in received or not complete(received):
            part = client.recv(65536)
            if not part:
                break
            received += part
    return Raw(received)


def complete(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return length is not None and len(body) >= int(length.group(1))


@pytest.fixture(scope="module")
def gateway():
    limits = {"connections_per_address": 24, "waiting_per_account": 1, "requests_per_minute": 100_000}
    config = {"limits": limits | {"wrong_keys_per_minute": 100_000}, "providers": {"sandbox": {"duration": 0.05}}}
    with Gateway(config=config) as running:
        # What takes ten seconds by the server's clock goes on while the other tests run.
        pool = concurrent.futures.ThreadPoolExecutor(2)
        head = f"POST {SUBMIT} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {running.key}\r\n"
        body = "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        running.slow_head = pool.submit(raw, running, head, 60)
        running.slow_body = pool.submit(raw, running, head + body, 60)
        yield running
        pool.shutdown()


def account(gateway, credits: int = 1000, **changes) -> tuple[str, str]:
    name = str(uuid.uuid4())
    made = gateway.admin("POST", "/admin/v1/accounts", {"name": name, "credits": credits})
    if changes:
        gateway.admin("PATCH", f"/admin/v1/accounts/{name}", changes)
    return name, made["key"]


def key(gateway, **fields) -> dict:
    return gateway.admin("POST", "/admin/v1/accounts/tests/keys", fields)


def finished(gateway) -> dict:
    return gateway.finished(gateway.submit(BODY))


# One function a code: what a client must do to be told so.


def expired_key(gateway):
    short = key(gateway, scope="read", expires_in=1)
    time.sleep(1.1)
    return gateway.get("/v1/wallet/", key=short["key"])


def revoked_key(gateway):
    made = key(gateway, scope="read")
    gateway.admin("POST", f"/admin/v1/keys/{made['id']}/revoke")
    return gateway.get("/v1/wallet/", key=made["key"])


def capped_key(gateway):
    return gateway.post(SUBMIT, json=BODY, key=key(gateway, spend_cap=19)["key"])


def disabled_account(gateway):
    return gateway.get("/v1/wallet/", key=account(gateway, disabled=True)[1])


def no_provider_fits(gateway):
    # An account that may only use what is not there.
    return gateway.post(SUBMIT, json=BODY, key=account(gateway, providers=["fal"])[1])


def wrong_signature(gateway):
    address = finished(gateway)["results"][0]["asset"]
    return gateway.get(address[:-1] + ("A" if address[-1] != "A" else "B"), key=None)


def file_gone(gateway):
    task = finished(gateway)
    address = task["results"][0]["asset"]
    name = re.search(r"/v1/assets/([0-9a-f]{64})", address).group(1)
    for path in gateway.data.rglob(name):
        os.unlink(path)
    return gateway.get(address, key=None)


def asset(gateway, **headers):
    return gateway.get(finished(gateway)["results"][0]["asset"], key=None, headers=headers)


def too_late(gateway):
    return gateway.post(f"/v1/generation-request/{finished(gateway)['task_id']}/cancel/")


def account_exists(gateway):
    return gateway.post("/admin/v1/accounts", json={"name": "tests"}, key=key(gateway, scope="admin")["key"])


def rotated_after_its_end(gateway):
    made = key(gateway, scope="read")
    gateway.admin("POST", f"/admin/v1/keys/{made['id']}/revoke")
    return gateway.post(f"/admin/v1/keys/{made['id']}/rotate", json={}, key=key(gateway, scope="admin")["key"])


def act(gateway, path: str, body: dict | None = None):
    """As the operator, by the key of one."""
    if not hasattr(gateway, "operator"):
        gateway.operator = key(gateway, scope="admin")["key"]
    return gateway.post(f"/admin/v1/{path}", json=body, key=gateway.operator)


def reused_reference(gateway):
    name, _ = account(gateway)
    assert act(gateway, f"accounts/{name}/credits", {"amount": 5, "reference": "invoice-1"}).status_code == 201
    return act(gateway, f"accounts/{name}/credits", {"amount": 6, "reference": "invoice-1"})


def disabled_endpoint(gateway):
    with Receiver() as receiver:
        receiver.status = 410
        made = endpoint(gateway, receiver.url)
        ping = f"{ENDPOINTS}{made['id']}/test/"
        assert gateway.post(ping).status_code == 200
        until(lambda: not gateway.get(f"{ENDPOINTS}{made['id']}/").json()["enabled"])
        answer = gateway.post(ping)
        remove(gateway, made)
        return answer


def fifty_first_endpoint(gateway):
    _, own = account(gateway)
    for number in range(50):
        made = gateway.post(ENDPOINTS, json={"url": f"http://127.0.0.1:59998/{number}"}, key=own)
        assert made.status_code == 201, made.text
    return gateway.post(ENDPOINTS, json={"url": "http://127.0.0.1:59998/50"}, key=own)


def reused_key(gateway):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    assert gateway.post(SUBMIT, json=BODY, headers=headers).status_code == 200
    return gateway.post(SUBMIT, json=BODY | {"steps": 13}, headers=headers)


def hasty(gateway):
    _, own = account(gateway, requests_per_minute=1)
    assert gateway.post(QUOTE, json=BODY, key=own).status_code == 200
    return gateway.post(QUOTE, json=BODY, key=own)


def too_many_tasks(gateway):
    _, own = account(gateway, concurrent_tasks=1)
    hanging = BODY | {"metadata": {"sandbox": "hang"}, "cancel_after": 30}
    assert gateway.post(SUBMIT, json=hanging, key=own).status_code == 200
    return gateway.post(SUBMIT, json=BODY, key=own)


def too_many_waiting(gateway):
    task = gateway.submit(BODY | {"metadata": {"sandbox": "hang"}})
    path = STATUS.format(task) + "?wait=30&after=9007199254740991"
    with socket.create_connection(("127.0.0.1", gateway.port)) as first:
        wait = f"GET {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {gateway.key}\r\n\r\n".encode()
        first.sendall(wait)
        end = time.monotonic() + 20
        while True:
            if select.select([first], [], [], 0.2)[0]:
                # Ours came before it, so it was the one too many.
                assert first.recv(65536)
                first.sendall(wait)
                continue
            answer = gateway.get(STATUS.format(task) + "?wait=1")
            if answer.status_code == 429 or time.monotonic() > end:
                break
    gateway.post(f"/v1/generation-request/{task}/cancel/")
    # The place is free again before anyone else wants it.
    while gateway.get(STATUS.format(task) + "?wait=1").status_code == 429:
        assert time.monotonic() < end + 20
    return answer


def too_many_connections(gateway):
    held = []
    try:
        # More than the 24, all before any is looked at: those that send nothing are let go after a while.
        for _ in range(30):
            held.append(socket.create_connection(("127.0.0.1", gateway.port), timeout=20))
        if refused := select.select(held, [], [], 10)[0]:
            return Raw(refused[0].recv(65536))
    finally:
        for client in held:
            client.close()
    raise AssertionError("as many connections as one likes")


def broken_disk(gateway):
    """The folder that pictures are written in is suddenly a file."""
    folder = gateway.data / "assets" / "drafts"
    folder.rename(folder.with_name("elsewhere"))
    folder.write_bytes(b"")
    try:
        return gateway.post(SUBMIT, json={"image": data_uri(png(salt=17))})
    finally:
        folder.unlink()
        folder.with_name("elsewhere").rename(folder)


def providers_off(gateway):
    gateway.admin("POST", "/admin/v1/providers/sandbox/disable")
    try:
        return gateway.post(SUBMIT, json=BODY)
    finally:
        gateway.admin("POST", "/admin/v1/providers/sandbox/enable")


def storage_full(_gateway):
    with Gateway(config={"assets": {"reserve_bytes": 1 << 60}}) as full:
        return full.post(SUBMIT, json=BODY)


def key_required(_gateway):
    with Gateway(config={"idempotency": {"required": True}}) as strict:
        return strict.post(SUBMIT, json=BODY)


def request_line(method: str = "GET", target: str = "/healthz", version: str = "HTTP/1.1", fields: str = "") -> str:
    return f"{method} {target} {version}\r\nHost: gateway\r\n{fields}\r\n"


def long_trailers(gateway):
    fields = f"Authorization: Bearer {gateway.key}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    return raw(gateway, request_line("POST", SUBMIT, fields=fields) + f"0\r\nX-Much: {'x' * 10_000}\r\n\r\n")


MET_BY = {
    (400, "validation_failed"): lambda g: g.post(SUBMIT, json={}),
    (400, "invalid_json"): lambda g: g.post(SUBMIT, content=b"{", headers={"Content-Type": "application/json"}),
    (400, "no_provider_fits"): no_provider_fits,
    (400, "invalid_idempotency_key"): lambda g: g.post(SUBMIT, json=BODY, headers={"Idempotency-Key": '"open'}),
    (400, "idempotency_key_missing"): key_required,
    (400, "malformed_request"): lambda g: raw(g, "GET /healthz HTTP/1.1\r\nHost : gateway\r\n\r\n"),
    (401, "invalid_api_key"): lambda g: g.get("/v1/wallet/", key=None),
    (401, "api_key_expired"): expired_key,
    (401, "api_key_revoked"): revoked_key,
    (402, "insufficient_credits"): lambda g: g.post(SUBMIT, json=BODY, key=account(g, 19)[1]),
    (402, "spend_cap_reached"): capped_key,
    (403, "wrong_scope"): lambda g: g.post(SUBMIT, json=BODY, key=key(g, scope="read")["key"]),
    (403, "account_disabled"): disabled_account,
    (403, "invalid_signature"): wrong_signature,
    (404, "not_found"): lambda g: g.get(STATUS.format(uuid.uuid4())),
    (405, "method_not_allowed"): lambda g: g.request("DELETE", "/v1/wallet/"),
    (408, "request_timeout"): lambda g: g.slow_body.result(),
    (409, "too_late"): too_late,
    (409, "already_exists"): account_exists,
    (409, "refused"): rotated_after_its_end,
    (409, "endpoint_disabled"): disabled_endpoint,
    (409, "too_many_endpoints"): fifty_first_endpoint,
    (409, "reference_reused"): reused_reference,
    (409, "nothing_waits"): lambda g: act(g, f"tasks/{finished(g)['task_id']}/retry"),
    (409, "nothing_unknown"): lambda g: act(g, f"tasks/{finished(g)['task_id']}/resolve", {"action": "fail"}),
    (409, "nothing_to_release"): lambda g: act(g, "release"),
    (410, "gone"): file_gone,
    (412, "precondition_failed"): lambda g: asset(g, **{"If-Match": '"another"'}),
    (413, "body_too_large"): lambda g: g.post(
        "/v1/generation-request/status/", content=b" " * 300_000, headers={"Content-Type": "application/json"}),
    (414, "uri_too_long"): lambda g: raw(g, request_line(target="/" + "x" * 10_000)),
    (415, "unsupported_media_type"): lambda g: g.post(SUBMIT, data={"image_url": "https://example.com/a.png"}),
    (416, "range_not_satisfiable"): lambda g: asset(g, Range="bytes=999999999-"),
    (417, "unknown_expectation"): lambda g: raw(g, request_line(fields="Expect: a-miracle\r\n")),
    (422, "idempotency_key_reused"): reused_key,
    (429, "rate_limited"): hasty,
    (429, "too_many_tasks"): too_many_tasks,
    (429, "too_many_waiting"): too_many_waiting,
    (429, "too_many_connections"): too_many_connections,
    (431, "headers_too_large"): lambda g: raw(g, request_line(fields=f"X-Much: {'x' * 40_000}\r\n")),
    (431, "trailers_too_large"): long_trailers,
    (500, "internal_error"): broken_disk,
    (501, "unknown_method"): lambda g: raw(g, request_line(method="B" * 40)),
    (501, "unknown_transfer_coding"): lambda g: raw(
        g, request_line("POST", SUBMIT, fields="Transfer-Encoding: gzip, chunked\r\n")),
    (503, "no_provider_on"): providers_off,
    (503, "storage_full"): storage_full,
    (505, "unsupported_version"): lambda g: raw(g, request_line(version="HTTP/2.0")),
}


@pytest.mark.parametrize("status, code", MET_BY, ids=lambda value: str(value))
def test_a_code_is_met_and_has_the_one_shape(gateway, status, code):
    before = gateway.get("/v1/wallet/").json()
    answer = MET_BY[status, code](gateway)
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "error_code", "detail"}
    error = body["error"]
    assert error["code"] == code and body["error_code"] == code.upper()
    assert error["message"] == body["detail"] and error["message"]
    assert error["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Content-Type"] == "application/json"
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    if status == 405:
        assert answer.headers["Allow"]
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 1
    if status >= 500 and code != "storage_full":
        assert gateway.get("/v1/wallet/").json() == before, "something was charged"


@pytest.mark.parametrize("status, code, limit", [
    (413, "body_too_large", "262144 bytes"), (414, "uri_too_long", "8192 bytes"), (431, "headers_too_large", "32768 bytes"),
])
def test_what_is_too_long_is_told_its_limit(gateway, status, code, limit):
    assert MET_BY[status, code](gateway).json()["error"]["message"].endswith(f"limit of {limit}.")


def test_a_head_that_drips_is_ended_as_well(gateway):
    answer = gateway.slow_head.result()
    assert answer.status_code == 408 and answer.json()["error"]["code"] == "request_timeout"
    assert answer.headers["Connection"] == "close"


def codes_in_the_source() -> set[tuple[int, str]]:
    """Status and code of every refusal, from the places where they are made; a place that is none of these fails."""
    sources = ROOT / "Sources"
    statuses = re.findall(r"static let (\w+): HTTPStatus = (\d+)", (sources / "HTTP/HTTPStatus.swift").read_text())
    numbers = dict(statuses)
    found = set()
    text = (sources / "API/ErrorBody.swift").read_text()
    for status, code in re.findall(r"self\.init\(\s*(\d+|status|code)\b,\s*([^,]+),", text):
        if literal := re.fullmatch(r'"([a-z_]+)"', code):
            found.add((int(status), literal[1]))
        else:
            assert (status, code) in {("409", "code"), ("status", "code")}, (status, code)
    for file in [*sources.rglob("API/**/*.swift"), *sources.rglob("HTTPServer/**/*.swift")]:
        text = file.read_text()
        for code in re.findall(r"\.conflict\(\s*code: ([^,]+),", text):
            found.add((409, re.fullmatch(r'"([a-z_]+)"', code)[1]))
        for status, code in re.findall(r"(?<!struct )\bRefusal\(\s*([^,()]+),\s*([^,()]+),", text):
            found.add((int(numbers[status.removeprefix(".")]), re.fullmatch(r'"([a-z_]+)"', code)[1]))
    return found


def test_the_documentation_names_every_code_and_no_other():
    text = (ROOT / "docs/api.md").read_text().split("| status | code |", 1)[1].split("\n\n", 1)[0]
    named = set()
    for status, codes in re.findall(r"^\| (\d{3}) \| ([^|]+) \| [^|]+ \|$", text, re.MULTILINE):
        named |= {(int(status), code) for code in re.findall(r"`([a-z_]+)`", codes)}
    assert named == set(MET_BY) | OF_A_BROKEN_STORE | OF_A_BUSY_HOUSE
    assert named == codes_in_the_source()


def test_what_is_switched_off_comes_back(gateway):
    assert gateway.post(SUBMIT, json=BODY).status_code == 200


def test_every_reason_why_a_task_fails_is_in_the_docs():
    text = (ROOT / "docs/api.md").read_text().split("### Why a task failed", 1)[1].split("\n## ", 1)[0]
    told = set(re.findall(r"`([a-z_]+)`", text.split("|---|---|", 1)[1]))
    made = set()
    for file in (ROOT / "Sources").rglob("*.swift"):
        for words in re.findall(r"(?:Failure|input)\(\s*code: ([^,)]+)", file.read_text()):
            made |= set(re.findall(r'"([a-z_]+)"', words))
    assert len(made) > 10 and made <= told, made - told
