"""Fault 71: every route with every kind of caller. Who may do what is written down here once more, by hand."""

import uuid

import pytest

from gateway import Gateway

OPEN = {
    "GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json", "GET /docs", "GET /v1/assets/{name}",
    "GET /v1/inputs/{name}", "POST /v1/callbacks/{provider}/{token}",
}  # fmt: skip
ANY_KEY = {"GET /v1/providers", "GET /v1/account"}
# What spends, changes or shows a secret: not with a key that only looks.
ACTS = {
    "POST /v1/3d-models/trellis2/generate", "POST /v1/generation-request/{id}/cancel", "POST /v1/webhook-endpoints",
    "PATCH /v1/webhook-endpoints/{endpoint}", "DELETE /v1/webhook-endpoints/{endpoint}",
    "POST /v1/webhook-endpoints/{endpoint}/enable", "POST /v1/webhook-endpoints/{endpoint}/rotate",
    "POST /v1/webhook-endpoints/{endpoint}/test", "POST /v1/webhook-endpoints/{endpoint}/recover",
    "POST /v1/webhook-deliveries/{delivery}/resend", "GET /v1/webhook-secret",
}  # fmt: skip
LOOKS = {
    "POST /v1/3d-models/trellis2/quote", "POST /v1/generation-request/status", "GET /v1/generation-requests",
    "GET /v1/generation-request/{id}/status", "GET /v1/generation-request/{id}/events",
    "GET /v1/generation-request/{id}/receipt", "GET /v1/wallet", "GET /v1/wallet/ledger", "GET /account/user/wallet",
    "GET /user/wallet", "GET /v1/webhook-endpoints", "GET /v1/webhook-endpoints/{endpoint}",
    "GET /v1/webhook-endpoints/{endpoint}/deliveries", "GET /v1/webhook-deliveries/{delivery}/attempts",
}  # fmt: skip


def allowed(route: str) -> set[str]:
    if route in OPEN:
        return {"nobody", "wrong", "malformed", "revoked", "user", "read", "admin"}
    if "/admin/" in route:
        return {"admin"}
    if route in ANY_KEY:
        return {"user", "read", "admin"}
    return {"user"} if route in ACTS else {"user", "read"}


@pytest.fixture(scope="module")
def house():
    with Gateway({"limits": {"wrong_keys_per_minute": 1_000_000}}) as g:

        def made(scope):
            return g.admin("POST", "/admin/v1/accounts/tests/keys", {"scope": scope})

        gone = made("user")
        g.admin("POST", f"/admin/v1/keys/{gone['id']}/revoke")
        # Another gateway's key: well formed, its checksum right, and unknown here.
        with Gateway() as other:
            stranger = other.key
        g.keys = {
            "nobody": None, "wrong": stranger, "malformed": g.key[:-1] + ("a" if g.key[-1] != "a" else "b"),
            "revoked": gone["key"], "user": g.key, "read": made("read")["key"], "admin": made("admin")["key"],
        }  # fmt: skip
        other = g.admin("POST", "/admin/v1/accounts", {"name": "other", "credits": 100})
        g.other = other["key"]
        g.task = g.submit()
        g.finished(g.task)
        endpoint = g.post("/v1/webhook-endpoints/", json={"url": "http://127.0.0.1:9999/none", "events": ["task.finished"]})
        g.endpoint = endpoint.json()["id"]
        ping = g.post(f"/v1/webhook-endpoints/{g.endpoint}/test/").json()
        deliveries = g.get(f"/v1/webhook-endpoints/{g.endpoint}/deliveries/").json()["items"]
        g.delivery = deliveries[0]["id"] if deliveries else ping.get("delivery_id")
        yield g


def routes(g: Gateway) -> list[str]:
    paths = g.get("/openapi.json").json()["paths"]
    return [f"{m.upper()} {p.rstrip('/')}" for p, item in paths.items() for m in item if m != "parameters"]


def test_the_lists_above_name_every_route_there_is(house):
    here = {route for route in routes(house) if "/admin/" not in route}
    assert here == OPEN | ANY_KEY | ACTS | LOOKS


def test_every_route_lets_in_those_it_names_and_nobody_else(house):
    before = house.admin("GET", "/admin/v1/ledger/verify")["head"]
    audit = len(house.admin("GET", "/admin/v1/audit?limit=500")["items"])
    wrong = []
    for route in routes(house):
        method, path = route.split(" ")
        # Ids of nothing and a body that no route takes: whoever is let in does nothing.
        for part in ("id", "key", "account", "endpoint", "delivery", "provider", "name", "token"):
            path = path.replace("{%s}" % part, str(uuid.UUID(int=0, version=4)))
        for who, key in house.keys.items():
            if who in allowed(route) and method == "POST" and path in ("/admin/v1/reload", "/admin/v1/release"):
                continue
            body = None if method in ("GET", "DELETE") else b"[]"
            answer = house.request(method, path, key=key, content=body, headers={"Content-Type": "application/json"})
            code = answer.status_code
            if who in allowed(route):
                right = code not in (401, 403) or (route in OPEN and answer.json()["error"]["code"] == "invalid_signature")
            elif who in ("nobody", "wrong", "malformed", "revoked"):
                right = code == 401
            else:
                right = code == 403 and answer.json()["error"]["code"] == "wrong_scope"
            if not right:
                wrong.append(f"{route} as {who}: {code} {answer.text[:120]}")
    assert wrong == []
    assert house.admin("GET", "/admin/v1/ledger/verify")["head"] == before
    assert len(house.admin("GET", "/admin/v1/audit?limit=500")["items"]) == audit


def test_another_accounts_things_look_exactly_like_missing_ones(house):
    own = {"id": house.task, "endpoint": house.endpoint, "delivery": house.delivery}
    seen = 0
    for route in routes(house):
        method, pattern = route.split(" ")
        names = [part for part in own if "{%s}" % part in pattern]
        if "/admin/" in route or not names:
            continue
        assert len(names) == 1
        answers = []
        for value in (own[names[0]], str(uuid.UUID(int=uuid.UUID(own[names[0]]).int ^ 1))):
            body = {"since": "2026-01-01T00:00:00Z"} if route.endswith("/recover") else {}
            answer = house.request(
                method, pattern.replace("{%s}" % names[0], value), key=house.other,
                json=None if method in ("GET", "DELETE") else body,
            )  # fmt: skip
            assert answer.status_code == 404, (route, answer.status_code, answer.text)
            error = answer.json()["error"]
            error.pop("request_id")
            ignored = {"x-request-id", "date", "content-length", "ratelimit"}
            headers = {k: v for k, v in answer.headers.items() if k.lower() not in ignored}
            answers.append((answer.status_code, error, headers))
        assert answers[0] == answers[1], route
        seen += 1
    assert seen >= 12
    assert house.status(house.task)["status"] == "FINISHED"
    assert house.get(f"/v1/webhook-endpoints/{house.endpoint}/").status_code == 200
    # Many ids in one question: none of the other's is told of.
    answer = house.post("/v1/generation-request/status/", json={"task_ids": [house.task]}, key=house.other).json()
    assert house.task not in str(answer.get("items") or answer.get("tasks") or [])
