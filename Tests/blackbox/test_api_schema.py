"""The document that the gateway serves, judged by others: a validator, and schemathesis with all its checks on."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from gateway import ROOT, Gateway

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
