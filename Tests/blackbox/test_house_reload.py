"""Reload, metrics, listeners: what an operator changes and watches while it runs."""

import json
import re
import signal
import threading
import time

import httpx

from gateway import Gateway, free_port


def until(question, seconds: float = 10):
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_reload_applies_at_once_and_says_what_changed(gateway):
    before = gateway.post("/v1/3d-models/trellis2/quote/", json={"image_url": "https://example.com/a.png"}).json()
    gateway.config = {"prices": {"1024": {"geometry": 7}}, "listen": "127.0.0.1:1"}
    gateway.write_config()
    answer = gateway.cli("reload").stdout
    assert "prices.1024.geometry: 20 → 7" in answer
    assert re.search(r"listen: .* \(needs a restart\)", answer)
    after = gateway.post("/v1/3d-models/trellis2/quote/", json={"image_url": "https://example.com/a.png"}).json()
    assert (before["credits"], after["credits"]) == (20, 7)


def test_a_bad_reload_changes_nothing_and_says_why(gateway):
    gateway.config = {"prices": {"1024": {"geometry": 7}}, "limits": {"body_byte": 1}}
    gateway.write_config()
    refused = 'trellis_reloads_total{outcome="refused"}'
    answer = gateway.cli("reload", check=False)
    # It is the gateway that judges, logs and counts, whoever asks.
    assert answer.returncode == 1 and "did you mean limits.body_bytes?" in answer.stderr
    assert gateway.metrics()[refused] == 1
    assert "did you mean limits.body_bytes?" in gateway.log
    gateway.signal(signal.SIGHUP)
    until(lambda: len(gateway.events("reload refused, the old configuration stays")) == 2)
    quote = gateway.post("/v1/3d-models/trellis2/quote/", json={"image_url": "https://example.com/a.png"}).json()
    assert quote["credits"] == 20
    assert gateway.metrics()[refused] == 2


def test_a_mistake_in_a_file_that_is_not_loaded_keeps_no_operator_from_a_gateway_that_runs(gateway):
    made = gateway.cli("accounts", "create", "careless", "--json").stdout
    gateway.config = {"limts": {}}
    gateway.write_config()
    assert gateway.cli("health").returncode == 0
    gateway.cli("providers", "disable", "sandbox")
    gateway.cli("keys", "create", "--account", "careless")
    gateway.cli("keys", "revoke", json.loads(made)["key_id"])
    # Without a gateway the command itself would work by these settings.
    assert gateway.stop() == 0
    alone = gateway.cli("accounts", "list", check=False)
    assert alone.returncode == 1 and "did you mean limits?" in alone.stderr


def test_a_secret_that_is_being_replaced_cannot_bring_the_gateway_down(tmp_path):
    secret = tmp_path / "fal"
    secret.write_text("the-first-key-of-fal\n")
    with Gateway({"providers": {"fal": {"enabled": True}}}, env={"FAL_KEY_FILE": str(secret)}) as g:
        secret.unlink()
        g.signal(signal.SIGHUP)
        until(lambda: g.events("reload refused, the old configuration stays"))
        refused = g.admin("POST", "/admin/v1/reload", expect=409)
        assert "cannot read the file" in refused["detail"] and str(secret) in refused["detail"]
        assert g.get("/v1/wallet/").status_code == 200
        secret.write_text("the-second-key-of-fal\n")
        assert any("providers.fal.api_key" in line for line in g.admin("POST", "/admin/v1/reload")["changed"])
        assert "key-of-fal" not in g.log


def test_no_request_is_lost_while_reloading(gateway):
    stop, statuses = threading.Event(), []

    def load():
        with httpx.Client() as client:
            while not stop.is_set():
                statuses.append(client.get(f"{gateway.url}/v1/wallet/", headers={"Authorization": f"Bearer {gateway.key}"}).status_code)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for round in range(10):
        gateway.config = {"prices": {"thumbnail": round}}
        gateway.write_config()
        gateway.signal(signal.SIGHUP)
        until(lambda: len(gateway.events("reloaded")) > round)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(statuses) > 50 and set(statuses) == {200}


def test_metrics_have_help_and_type_for_everything(gateway):
    gateway.finished(gateway.submit())
    text = gateway.get("/metrics", key=None).text
    names = {re.split(r"[{ ]", line)[0] for line in text.splitlines() if line and not line.startswith("#")}
    for name in names:
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert f"# HELP {name} " in text or f"# HELP {family} " in text, name
        assert f"# TYPE {name} " in text or f"# TYPE {family} histogram" in text, name
    assert 'trellis_tasks{state="finished"} 1' in text
    assert 'route="/v1/generation-request/{id}/status"' in text
    # No label may hold what a client sent.
    assert gateway.key not in text and "trellis-test" not in text


def test_metrics_are_read_by_an_independent_parser(gateway):
    from prometheus_client.parser import text_string_to_metric_families

    gateway.finished(gateway.submit())
    families = {f.name: f for f in text_string_to_metric_families(gateway.get("/metrics").text)}
    assert families["trellis_http_requests"].type == "counter"
    assert families["trellis_http_request_duration_seconds"].type == "histogram"
    assert all(family.documentation for family in families.values())


def test_admin_and_metrics_can_have_listeners_of_their_own():
    ports = free_port(), free_port()
    config = {"admin": {"listen": [f"127.0.0.1:{ports[0]}"]}, "metrics": {"listen": [f"127.0.0.1:{ports[1]}"]}}
    with Gateway(config=config) as g:
        admin = g.admin("POST", "/admin/v1/accounts/tests/keys", {"scope": "admin", "label": "pager"})["key"]
        headers = {"Authorization": f"Bearer {admin}"}
        assert g.get("/admin/v1/accounts", key=admin).status_code == 404
        assert httpx.get(f"http://127.0.0.1:{ports[0]}/admin/v1/accounts", headers=headers).status_code == 200
        assert g.get("/metrics").status_code == 404
        assert httpx.get(f"http://127.0.0.1:{ports[1]}/metrics").status_code == 200


def test_log_lines_are_json_with_ids_and_without_secrets():
    with Gateway(config={"logging": {"requests_every": 1}}) as g:
        task = g.submit(headers={"X-Request-Id": "my-request-1"})
        g.finished(task)
        g.stop()
        lines = [json.loads(line) for line in g.log.splitlines()]
        assert all({"time", "level", "message"} <= line.keys() for line in lines)
        assert any(line.get("request_id") == "my-request-1" for line in lines)
        assert g.key not in g.log

