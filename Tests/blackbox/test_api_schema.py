"""The document that the gateway serves, judged by others: a validator, and schemathesis with all its checks on."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from gateway import ROOT, Gateway, data_uri

EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "12")


@pytest.fixture(scope="module")
def gateway():
    limits = {"requests_per_minute": 1_000_000, "reads_per_minute": 1_000_000, "concurrent_tasks": 1_000_000}
    config = {"limits": limits | {"wrong_keys_per_minute": 1_000_000}, "providers": {"sandbox": {"duration": 0.01}}}
    with Gateway(config=config, credits=1_000_000_000, log_level="info") as running:
        yield running


def test_the_document_is_valid_openapi_3_1(gateway):
    from openapi_spec_validator import validate

    document = gateway.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_the_page_for_people_needs_nothing_from_outside(gateway):
    page = gateway.get("/docs", key=None)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text and "http-equiv" not in page.text


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scope", ["user", "admin"])
def test_schemathesis_finds_nothing(gateway, scope, tmp_path):
    key = gateway.key
    if scope == "admin":
        key = gateway.admin("POST", "/admin/v1/accounts/tests/keys", {"scope": "admin"})["key"]
    report = tmp_path / "report.xml"
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{gateway.url}/openapi.json",
        "--header", f"Authorization: Bearer {key}", "--max-examples", EXAMPLES, "--workers", "1", "--seed", "1",
        "--report", "junit", "--report-junit-path", str(report), "--no-color",
    ]
    command += ["--include-path-regex" if scope == "admin" else "--exclude-path-regex", "^/admin/"]
    # What stops or refills the gateway under test is left to other tests.
    command += ["--exclude-path-regex", "/(backup|reload|release|revoke|rotate)$"] if scope == "admin" else []
    tasks = [gateway.submit() for _ in range(8)]
    environment = os.environ | {"TASK_IDS": ",".join(tasks)}
    environment |= {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(ROOT / "Tests/blackbox")}
    run = subprocess.run(command, cwd=ROOT / "Tests/blackbox", env=environment, capture_output=True, text=True)
    assert run.returncode == 0, (run.stdout + run.stderr)[-12000:]
    assert gateway.admin("GET", "/admin/v1/ledger/verify")["ok"]


def unnamed(value, schema: dict, components: dict, place: str = "") -> list[str]:
    """Members of an answer that the document does not name, wherever it names any."""
    while "$ref" in schema:
        schema = components[schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, list):
        return [found for item in value for found in unnamed(item, schema.get("items", {}), components, place + "[]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = [f"{place}.{name}" for name in value if name not in schema["properties"]]
    for name, inner in value.items():
        found += unnamed(inner, schema["properties"].get(name, {}), components, f"{place}.{name}")
    return found


def test_the_document_names_all_that_is_answered():
    with Gateway() as g:
        components = g.get("/openapi.json").json()["components"]["schemas"]
        quoted = g.post(
            "/v1/3d-models/trellis2/quote/", json={"image_url": "https://example.com/a.png", "provider": ["fal", "sandbox"]}
        ).json()
        assert any(provider["obstacles"] for provider in quoted["providers"])
        task = g.submit({"image": data_uri(), "include_cost": True, "number_results": 2, "generate_thumbnail": True})
        finished = g.finished(task)
        capped = g.admin("POST", "/admin/v1/accounts/tests/keys", {"spend_cap": 1})["key"]
        refused = g.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri()}, key=capped)
        assert refused.status_code == 402
        answers = {
            "Quote": quoted, "TaskStatus": finished, "Error": refused.json(),
            "Receipt": g.get(f"/v1/generation-request/{task}/receipt/").json(),
            "TaskPage": g.get("/v1/generation-requests/").json(), "Wallet": g.get("/v1/wallet/").json(),
            "PostingPage": g.get("/v1/wallet/ledger/").json(), "Account": g.get("/v1/account/").json(),
            "ProviderList": g.get("/v1/providers/").json(), "StudioWallet": g.get("/account/user/wallet/").json(),
            "Health": g.get("/healthz").json(), "AdminAccount": g.admin("GET", "/admin/v1/accounts/tests"),
            "LedgerReport": g.admin("GET", "/admin/v1/ledger/verify"),
        }
        for name, answer in answers.items():
            assert not unnamed(answer, components[name], components), name
