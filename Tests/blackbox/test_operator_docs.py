"""What the documents tell people to type works: every `sh` block of every page, pasted in order.

A block is not run only where the line above it says `<!-- not run: REASON -->`. Lines that a reader has to fill in
(`export KEY=tgu_…`) are left out, and their variables are set.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from gateway import ROOT, Gateway, binary, free_port
from work_house import Simulator

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"(?P<above>[^\n]*)\n```(?P<kind>\w+)\n(?P<text>.*?)\n```", re.DOTALL)


def blocks(page: pathlib.Path) -> list[tuple[str, str, str | None]]:
    """Kind, text and the reason not to run it, for each fenced block."""
    found = []
    for match in FENCE.finditer(page.read_text()):
        reason = re.fullmatch(r"<!-- not run: (.+) -->", match["above"])
        found.append((match["kind"], match["text"], reason and reason.group(1)))
    return found


def test_every_block_is_run_or_says_why_not():
    run = [(page, text) for page in PAGES for kind, text, reason in blocks(page) if kind == "sh" and not reason]
    assert len(run) > 15
    # The markers are seen: nothing that needs root or a network is among them.
    assert not any("systemctl" in text or "docker compose up" in text for _, text in run)
    for page in PAGES:
        text = page.read_text()
        assert text.count("<!-- not run:") == sum(1 for _, _, reason in blocks(page) if reason), page
        assert text.count("```sh") == sum(1 for kind, _, _ in blocks(page) if kind == "sh"), page


@pytest.fixture(scope="module")
def house():
    with Simulator(port=0) as simulator, Gateway(account="default") as g:
        g.simulator = simulator
        g.admin_key = g.admin("POST", "/admin/v1/accounts/default/keys", {"scope": "admin"})["key"]
        g.task = g.submit()
        g.asset = g.finished(g.task)["results"][0]["asset"]
        (g.home / "scripts").symlink_to(ROOT / "scripts")
        (g.home / "backups").mkdir()
        yield g


def environment(g: Gateway) -> dict[str, str]:
    program = g.home / "bin"
    program.mkdir(exist_ok=True)
    if not (program / "trellis-gateway").exists():
        (program / "trellis-gateway").symlink_to(binary())
    return {k: v for k, v in os.environ.items() if not k.startswith("TRELLIS_")} | {
        "PATH": f"{program}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
        "TRELLIS_CONFIG": str(g.config_path), "KEY": g.key, "TASK": g.task, "ASSET": g.asset, "GATEWAY": g.url, "API_KEY": g.key,
        "TASK_ID": g.task, "ADMIN_KEY": g.admin_key, "no_proxy": "*", "NO_PROXY": "*",
    }  # fmt: skip


def here(text: str, g: Gateway) -> str:
    """The same for this gateway and this directory, without what the reader fills in."""
    lines = [line for line in text.splitlines() if not re.match(r"export \w+=.*(…|\.\.\.)", line)]
    text = "\n".join(lines).replace("127.0.0.1:8080", f"127.0.0.1:{g.port}").replace("/backups", str(g.home / "backups"))
    return text.replace("localhost:9090", f"127.0.0.1:{g.simulator.port}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_says_to_type_works(house, page):
    pages_own = [(kind, text) for kind, text, reason in blocks(page) if not reason and kind in ("sh", "python")]
    for kind, text in pages_own:
        text = here(text, house)
        if "accounts create shop" in text and any(
            a["name"] == "shop" for a in house.admin("GET", "/admin/v1/accounts")["items"]
        ):
            text = text.replace("accounts create shop", "accounts create shop-again")
        shell = ["sh", "-euc", text] if kind == "sh" else [sys.executable, "-c", text]
        run = subprocess.run(
            shell, env=environment(house), cwd=house.home, capture_output=True, text=True, timeout=100)
        assert run.returncode == 0, f"{page.name}:\n{text}\n--- said\n{run.stdout}{run.stderr}"
        # curl takes an error for an answer; a reader would not.
        assert '"error_code"' not in run.stdout, f"{page.name}:\n{text}\n--- said\n{run.stdout}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_settings_a_page_shows_are_right(page, tmp_path):
    for number, (kind, text, _) in enumerate(blocks(page)):
        if kind != "json5" or not text.lstrip().startswith("{"):
            continue
        file = tmp_path / f"{number}.json5"
        file.write_text(text)
        keys = {"FAL_KEY": "a-key-of-many-letters", "RUNWARE_API_KEY": "another-key-of-letters"}
        run = subprocess.run(
            [str(binary()), "check", "--config", str(file)], env=keys, capture_output=True, text=True, timeout=30)
        assert run.returncode == 0, f"{page.name}:\n{text}\n{run.stderr}"


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        text = page.read_text()
        anchors = {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", text, re.M)}
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("http"):
                continue
            path, _, anchor = target.partition("#")
            if not path:
                assert anchor in anchors, f"{page.name}: {target}"
            else:
                assert (page.parent / path).exists(), f"{page.name}: {target}"


def test_the_compose_file_sets_what_there_is(tmp_path):
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["gateway"]
    # As compose fills them in when the host says nothing.
    values = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in service["environment"].items()}
    run = subprocess.run(
        [str(binary()), "check", "--json", "--changed"], env=values, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    found = {s["origin"] for s in json.loads(run.stdout)["settings"]}
    assert {name for name in values if name.startswith("TRELLIS_")} <= found | {"TRELLIS_PROVIDERS_FAL_ENABLED"}
    image = (ROOT / "Dockerfile").read_text()
    assert 'VOLUME /data' in image and "data:/data" in service["volumes"] and '"trellis-gateway", "health"' in image
    grace = float(service["stop_grace_period"].rstrip("s"))
    run = subprocess.run([str(binary()), "check", "--json"], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=30)
    drain = next(s for s in json.loads(run.stdout)["settings"] if s["key"] == "shutdown.drain")
    assert grace > float(drain["value"])


def test_the_unit_file_names_settings_that_exist(tmp_path):
    unit = (ROOT / "docs/operations/trellis-gateway.service").read_text()
    settings = dict(re.findall(r"^Environment=(\w+)=(.+)$", unit, re.M))
    assert settings.pop("TRELLIS_CONFIG")
    run = subprocess.run([str(binary()), "check"], env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    assert "ExecStart=/usr/local/bin/trellis-gateway serve" in unit and "TimeoutStopSec=45" in unit
    # The interfaces are asked for by netlink, and a gateway that does not know its own addresses refuses to call any at
    # its own port.
    families = re.search(r"^RestrictAddressFamilies=(.+)$", unit, re.M).group(1).split()
    assert set(families) == {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"}


def test_the_proxy_of_the_docs_passes_streams_and_hides_the_operators_side(house, tmp_path):
    if shutil.which("nginx") is None:
        pytest.fail("nginx is not installed; `make test` brings it")
    import time

    import httpx

    port = free_port()
    text = (ROOT / "docs/operations/nginx.conf").read_text()
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{house.port}").replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    text = re.sub(r"^ *ssl_certificate.*\n", "", text, flags=re.M)
    paths = "".join(f"{k}_temp_path {tmp_path}/{k};\n" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/error;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{text}}}\n")
    server = subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            end = time.monotonic() + 20
            while True:
                try:
                    assert client.get("/healthz").status_code == 200
                    break
                except httpx.ConnectError:
                    assert time.monotonic() < end and server.poll() is None
                    time.sleep(0.05)
            for inside in ("/admin/v1/accounts", "/metrics"):
                assert client.get(inside, headers={"Authorization": f"Bearer {house.admin_key}"}).status_code == 404
            key = {"Authorization": f"Bearer {house.key}"}
            body = {"image_url": "https://example.com/sandbox-slow.png"}
            task = client.post("/v1/3d-models/trellis2/generate/", json=body, headers=key).json()["task_id"]
            # The first event comes while the work goes on: nothing waits for the end of the answer.
            with client.stream("GET", f"/v1/generation-request/{task}/events/", headers=key) as stream:
                first = next(line for line in stream.iter_lines() if line.startswith("data:"))
                assert "FINISHED" not in first
    finally:
        server.terminate()
        server.wait(10)
