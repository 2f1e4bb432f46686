"""What operators do with money and with the keys that may spend it, done twice or half way."""

from __future__ import annotations

import httpx
import pytest

from gateway import Gateway, data_uri


@pytest.fixture
def gateway():
    # One job at a time, and a long one: what is behind it stays until it is canceled.
    with Gateway({"providers": {"sandbox": {"duration": 300}}}) as gateway:
        yield gateway


def test_an_adjustment_that_is_sent_again_under_its_key_moves_credits_once(gateway):
    path = f"/admin/v1/accounts/{gateway.account_id}"
    key = gateway.admin("POST", f"{path}/keys", {"scope": "admin"})["key"]

    def adjust(amount: int, once: str | None):
        headers = {"Idempotency-Key": once} if once else {}
        body = {"amount": amount, "reason": "goodwill"}
        return gateway.post(f"{path}/adjust", key=key, json=body, headers=headers)

    # All there is: what comes after must not find the balance in its way.
    first = adjust(-1_000_000, "a")
    again = adjust(-1_000_000, "a")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers and again.headers["Idempotent-Replayed"] == "true"
    assert adjust(7, "a").status_code == 422
    assert adjust(7, "b").status_code == adjust(7, None).status_code == adjust(7, None).status_code == 201
    # What was refused leaves no trace under its key.
    assert adjust(-22, "c").status_code == 409
    assert adjust(1, None).status_code == adjust(-22, "c").status_code == 201
    assert gateway.get("/v1/wallet/").json()["balance"] == 0
    acts = [entry["act"] for entry in gateway.admin("GET", "/admin/v1/audit")["items"]]
    assert acts.count("credits.adjust") == 6
    gateway.cli("credits", "verify")


def test_a_key_and_its_successor_spend_out_of_one_cap(gateway):
    old = gateway.admin("POST", f"/admin/v1/accounts/{gateway.account_id}/keys", {"spend_cap": 40})

    def submit(key: dict):
        return gateway.post("/v1/3d-models/trellis2/generate/", key=key["key"], json={"image": data_uri()})

    before = submit(old).json()["task_id"]
    new = gateway.admin("POST", f"/admin/v1/keys/{old['id']}/rotate", {})
    newer = gateway.admin("POST", f"/admin/v1/keys/{new['id']}/rotate", {})
    assert submit(new).status_code == 200
    for key in (old, new, newer):
        answer = submit(key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (402, "spend_cap_reached")
    # What comes back of what the first one bought may be spent by the last.
    assert gateway.post(f"/v1/generation-request/{before}/cancel/").status_code == 200
    assert [submit(newer).status_code, submit(old).status_code] == [200, 402]
    gateway.cli("credits", "verify")


def test_a_submit_that_was_charged_says_so_though_nobody_may_wait_for_its_end():
    """A refusal would have its client send it again, and pay again."""
    with Gateway({"limits": {"waiting_per_account": 1}, "providers": {"sandbox": {"duration": 300}}}) as gateway:
        events = f"{gateway.url}/v1/generation-request/{gateway.submit()}/events/"
        with httpx.stream("GET", events, headers={"Authorization": f"Bearer {gateway.key}"}):
            answer = gateway.post(
                "/v1/3d-models/trellis2/generate/", json={"image": data_uri()}, headers={"Prefer": "wait=10"})
            assert (answer.status_code, answer.headers["X-Credits-Charged"]) == (200, "20"), answer.text
            assert gateway.status(answer.json()["task_id"])["status"] in ("PENDING", "IN_PROGRESS")
        assert gateway.get("/v1/wallet/").json()["held"] == 40
