#!/usr/bin/env python3
"""What a user would pick instead, side by side: what is added, what it costs, and what becomes of the money.

    bench/gateways.py [--rounds 3] [--seconds 3] [--latency 20] [--only speed|race|kills] [--without-llm]

One upstream that answers everything after LATENCY ms; in front of it, in turn: nothing, nginx as a plain proxy, this
gateway, bench/peers/naive.py (FastAPI, uvicorn and SQLite, written in good faith), and two gateways for language models,
LiteLLM's proxy and TensorZero's embedded one. Those do another job, a call passed on and its answer passed back; they
stand here for what a gateway adds to a call and takes for itself. Ours and the naive one acknowledge a task when it is
paid and stored, and their processor time is counted until what they acknowledged is done; `whole task` waits for that:
submit, look, result, download of the model, one upstream call after the other, with waits scaled to a thousandth.

Peers are installed from PyPI into .build/peers, once. Figures are medians over interleaved rounds of wrk, closed loop.
`race`: 64 clients submit at once, 10 can be paid. `kills`: SIGKILL while tasks are under way, then a fresh start.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("TRELLIS_BIN_DIR", str(ROOT / ".build/dist"))
sys.path.insert(0, str(ROOT / "Tests/blackbox"))

from file_host import small_glb  # noqa: E402
from gateway import Gateway  # noqa: E402
from work_house import Simulator, provider_config  # noqa: E402

PEERS = ROOT / ".build/peers"
TICK = os.sysconf("SC_CLK_TCK")
WISH = {"image_url": "https://example.com/chair.png", "textures": True}
CHAT = {"model": "mock", "messages": [{"role": "user", "content": "a chair, please"}]}
PRICE = 20  # the naive one's; ours is read from the answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def family(pid: int) -> list[int]:
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(p for child in children for p in family(int(child)))]


def cpu_seconds(pid: int) -> float:
    total = 0
    for process in family(pid):
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_mb(pid: int) -> float:
    total = 0
    for process in family(pid):
        total += int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process}/status").read_text())[1])
    return total / 1024


def ask(port: int, method: str, path: str, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=70)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"} | (headers or {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def wait_for(port: int, path: str, process: subprocess.Popen, seconds: float = 90) -> float:
    """Seconds until it answers with 200."""
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return time.perf_counter() - began
        except OSError:
            assert process.poll() is None, f"port {port}: it ended with {process.returncode}"
        time.sleep(0.002)
    raise TimeoutError(f"nothing answers at port {port}")


def environment(name: str, *packages: str) -> pathlib.Path:
    """A virtual environment with a peer in it."""
    place = PEERS / name
    mark = place / "installed"
    if not mark.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        install = [place / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(install, check=True)
        mark.write_text(" ".join(packages))
    return place / "bin"


class Subject:
    """Something that can be asked: a port, the process to be charged, and the request."""

    def __init__(self, name: str, port: int, pid: int | None, path: str, body: dict, headers: dict | None = None):
        self.name, self.port, self.pid, self.path, self.body = name, port, pid, path, body
        self.headers = {"Content-Type": "application/json"} | (headers or {})
        self.rounds: dict[int, list[tuple[float, float, float, float | None]]] = {}

    def measure(self, clients: int, seconds: float, settle=lambda: None) -> None:
        """`settle` waits for what was only acknowledged: the processor time of that work belongs to it."""
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            lines = [f'wrk.headers["{n}"] = "{v}"' for n, v in self.headers.items()]
            script.write(f'wrk.method = "POST"\nwrk.body = [[{json.dumps(self.body)}]]\n' + "\n".join(lines))
            script.flush()
            before = cpu_seconds(self.pid) if self.pid else 0
            run = subprocess.run(
                ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "20s", "--latency", "-s", script.name,
                 f"http://127.0.0.1:{self.port}{self.path}"], capture_output=True, text=True, check=True).stdout  # fmt: skip
        settle()
        spent = cpu_seconds(self.pid) - before if self.pid else None
        if wrong := re.search(r"Non-2xx.*|Socket errors.*", run):
            print(f"   {self.name} with {clients}: {wrong[0].strip()}")
        unit = {"us": 1e-3, "ms": 1, "s": 1000, "m": 60_000}
        latency = {p: float(v) * unit[u] for p, v, u in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)$", run, re.M)}
        count = int(re.search(r"(\d+) requests in", run)[1])
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", run)[1])
        each = spent / count * 1e6 if spent is not None and count else None
        self.rounds.setdefault(clients, []).append((latency.get("50", 0), latency.get("99", 0), rate, each))

    def median(self, clients: int, column: int) -> float | None:
        values = [r[column] for r in self.rounds.get(clients, []) if r[column] is not None]
        return statistics.median(values) if values else None


class Processes:
    """What was started here, ended at the end."""

    def __init__(self):
        self.all: list[subprocess.Popen] = []
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="bench-gateways-"))

    def start(self, *command, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [str(c) for c in command], env=os.environ | environment, cwd=self.home, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(self.home / "errors.log", "ab"))  # fmt: skip
        self.all.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.all:
            if process.poll() is None:
                process.terminate()
        for process in self.all:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def start_mock(here: Processes, latency: float) -> int:
    """The upstream: fal's answers for us and the naive one, a chat completion for the others."""
    port = free_port()
    home = f"http://127.0.0.1:{port}/fal-ai/trellis-2/requests/one"
    job = {"request_id": "one", "response_url": home, "status_url": home + "/status", "cancel_url": home + "/cancel"}
    chat = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "mock",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a chair"}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }  # fmt: skip
    answers = {
        "/fal-ai/trellis-2/requests/one/status": job | {"status": "COMPLETED"},
        "/fal-ai/trellis-2/requests/one": {"model_glb": {"url": f"http://127.0.0.1:{port}/model.glb"}},
        "/fal-ai/trellis-2": job | {"status": "IN_QUEUE", "queue_position": 0},
        "/model.glb": small_glb(bytes(20_000)), "/": chat,
    }  # fmt: skip
    table = []
    for number, (prefix, answer) in enumerate(answers.items()):
        file = here.home / f"answer{number}"
        file.write_bytes(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        kind = "model/gltf-binary" if isinstance(answer, bytes) else "application/json"
        table.append(f"{prefix}\t{kind}\t{file}\n")
    (here.home / "table").write_text("".join(table))
    program = here.home / "fixed-mock"
    subprocess.run(["cc", "-O2", "-o", program, ROOT / "bench/peers/fixed-mock.c"], check=True)
    wait_for(port, "/", here.start(program, port, latency, here.home / "table"))
    return port


def start_nginx(here: Processes, mock: int) -> tuple[int, subprocess.Popen, float]:
    port = free_port()
    (here.home / "nginx.conf").write_text(
        f"daemon off; pid {here.home}/nginx.pid; error_log /dev/null; worker_processes 2; events {{}} http {{ access_log off; "
        f"upstream mock {{ server 127.0.0.1:{mock}; keepalive 128; }} server {{ listen 127.0.0.1:{port}; location / {{ "
        f'proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}'
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = here.start(program, "-c", here.home / "nginx.conf", "-p", here.home)
    return port, process, wait_for(port, "/", process)


def start_naive(here: Processes, upstream: str, **settings: str) -> tuple[int, subprocess.Popen, float]:
    bins = environment("fastapi", "fastapi", "uvicorn[standard]", "httpx")
    port = int(settings.pop("PORT", 0)) or free_port()
    process = here.start(
        bins / "uvicorn", "naive:app", "--app-dir", ROOT / "bench/peers", "--port", port, "--log-level", "error",
        DB=settings.pop("DB", str(here.home / "naive.db")), UPSTREAM=upstream, **settings)  # fmt: skip
    return port, process, wait_for(port, "/healthz", process)


def start_litellm(here: Processes, mock: int) -> tuple[int, subprocess.Popen, float]:
    bins = environment("llm", "litellm[proxy]==1.106.2", "tensorzero")
    port = free_port()
    (here.home / "litellm.yaml").write_text(
        "model_list:\n  - model_name: mock\n    litellm_params:\n      model: openai/mock\n"
        f"      api_base: http://127.0.0.1:{mock}/v1\n      api_key: none\ngeneral_settings:\n  master_key: sk-0123456789abcdef0123456789abcdef\n"
    )
    process = here.start(bins / "litellm", "--config", here.home / "litellm.yaml", "--host", "127.0.0.1", "--port", port)
    return port, process, wait_for(port, "/health/liveliness", process)


TENSORZERO = """
import http.client, json, os, re, statistics, sys, tempfile, time
began = time.perf_counter()
from tensorzero import TensorZeroGateway
port = int(sys.argv[1])
with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
    config.write(f'''
[models.mock]
routing = ["mock"]
[models.mock.providers.mock]
type = "openai"
model_name = "mock"
api_base = "http://127.0.0.1:{port}/v1/"
api_key_location = "none"
[gateway]
observability.enabled = false
''')
    config.flush()
    gateway = TensorZeroGateway.build_embedded(config_file=config.name)
started = time.perf_counter() - began
wish = {"messages": [{"role": "user", "content": "a chair, please"}]}
direct = http.client.HTTPConnection("127.0.0.1", port)
plain, through = [], []
def once(act, into):
    began = time.perf_counter(); act(); into.append((time.perf_counter() - began) * 1000)
def straight():
    direct.request("POST", "/v1/chat/completions", json.dumps(wish), {"Content-Type": "application/json"})
    direct.getresponse().read()
def ours():
    gateway.inference(model_name="mock", input=wish)
for _ in range(20): straight(); ours()
cpu = 0
for _ in range(int(sys.argv[2])):
    once(straight, plain)
    before = time.process_time(); once(ours, through); cpu += time.process_time() - before
rss = int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
at = lambda values, share: sorted(values)[int(len(values) * share)]
print(json.dumps({"start": started, "rss": rss, "cpu": cpu / len(through) * 1e6, "p50": at(through, .5), "p99": at(through, .99),
                  "direct50": at(plain, .5), "direct99": at(plain, .99)}))
"""


def speed(asked) -> None:
    with Processes() as here:
        mock = start_mock(here, asked.latency)
        nginx, nginx_process, nginx_start = start_nginx(here, mock)
        naive, naive_process, naive_start = start_naive(here, f"http://127.0.0.1:{mock}")
        config = {
            "providers": {"fal": {"enabled": True, "api_key": "key-for-the-bench", "base_url": f"http://127.0.0.1:{mock}",
                                  "concurrency": 10_000}},
            "polling": {"scale": 0.001},
            "limits": {"requests_per_minute": 100_000_000, "concurrent_tasks": 10_000_000},
        }  # fmt: skip
        began = time.perf_counter()
        with Gateway(config, credits=10**12, log_level="info") as ours:
            ours_start = time.perf_counter() - began
            key = {"Authorization": f"Bearer {ours.key}"}
            generate, pid = "/v1/3d-models/trellis2/generate/", ours.process.pid
            time.sleep(1)
            rest = {"trellis-gateway": (ours_start, resident_mb(pid)), "FastAPI": (naive_start, resident_mb(naive_process.pid)),
                    "nginx": (nginx_start, resident_mb(nginx_process.pid))}  # fmt: skip
            subjects = [
                Subject("upstream itself", mock, None, "/v1/chat/completions", CHAT),
                Subject("nginx, passed on", nginx, nginx_process.pid, "/v1/chat/completions", CHAT),
                Subject("trellis-gateway, acknowledged", ours.port, pid, generate, WISH, key),
                Subject("FastAPI, acknowledged", naive, naive_process.pid, generate, {"image_url": WISH["image_url"]},
                        {"Authorization": "Bearer bench-key"}),
                Subject("trellis-gateway, whole task", ours.port, pid, generate, WISH, key | {"Prefer": "wait=20"}),
            ]  # fmt: skip
            for _ in range(asked.rounds):
                for subject in subjects:
                    for clients in (1, 64):
                        waits = "acknowledged" in subject.name
                        subject.measure(clients, asked.seconds, lambda: waits and drain(subject, ours, naive))
            ours.cli("credits", "verify")
        lite = tensor = None
        if not asked.without_llm:
            try:
                port, process, took = start_litellm(here, mock)
                lite = Subject("LiteLLM, passed on", port, process.pid, "/v1/chat/completions", CHAT,
                               {"Authorization": "Bearer sk-0123456789abcdef0123456789abcdef"})  # fmt: skip
                rest["LiteLLM"] = (took, resident_mb(process.pid))
                for clients in (1, 64):
                    lite.measure(clients, asked.seconds + 3)
                process.terminate()
                process.wait(30)
            except (OSError, subprocess.SubprocessError, AssertionError) as error:
                print(f"   LiteLLM could not be measured: {error}")
            try:
                run = subprocess.run([environment("llm") / "python", "-c", TENSORZERO, str(mock), "200"],
                                     capture_output=True, text=True, timeout=120, check=True)  # fmt: skip
                tensor = json.loads(run.stdout.splitlines()[-1])
                rest["TensorZero, embedded in Python"] = (tensor["start"], tensor["rss"])
            except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
                print(f"   TensorZero could not be measured: {error} {getattr(error, 'stderr', '')[-300:]}")

        print(f"upstream answers after {asked.latency:g} ms; wrk, 1 and 64 clients, {asked.rounds} rounds of {asked.seconds:g} s")
        print(f"{'':32} {'p50 ms':>8} {'p99 ms':>8} {'added p50':>10} {'req/s':>8} {'CPU us':>8}")
        for clients in (1, 64):
            base = subjects[0].median(clients, 0)
            print(f"{clients} client{'s' if clients > 1 else ''}")
            for subject in [*subjects, *([lite] if lite else [])]:
                p50, p99, rate, each = (subject.median(clients, column) for column in range(4))
                if p50 is None:
                    continue
                calls = 4 if "whole" in subject.name else 0 if "acknowledged" in subject.name else 1
                added = "-" if subject is subjects[0] else f"{p50 - calls * base:.2f}"
                print(f"  {subject.name:30} {p50:8.2f} {p99:8.2f} {added:>10} {rate:8.0f} {each or 0:8.0f}")
            if clients == 1 and tensor:
                print(f"  {'TensorZero, passed on (Python)':30} {tensor['p50']:8.2f} {tensor['p99']:8.2f} "
                      f"{tensor['p50'] - tensor['direct50']:10.2f} {'':8} {tensor['cpu']:8.0f}")  # fmt: skip
        ours_rate, naive_rate = subjects[2].median(64, 2), subjects[3].median(64, 2)
        print(f"acknowledged tasks a second, 64 clients: {ours_rate / naive_rate:.0f} times FastAPI's; "
              f"CPU for one, to its end: 1/{subjects[3].median(64, 3) / subjects[2].median(64, 3):.1f} of FastAPI's")  # fmt: skip
        print(f"{'':32} {'start s':>8} {'at rest MB':>11}")
        for name, (took, memory) in rest.items():
            print(f"  {name:30} {took:8.2f} {memory:11.0f}")


def drain(subject: Subject, ours: Gateway, naive: int) -> None:
    end = time.monotonic() + 40
    while time.monotonic() < end:
        if subject.port == naive:
            # It keeps no count; its processor time tells when it has nothing to do.
            before = cpu_seconds(subject.pid)
            time.sleep(0.5)
            if cpu_seconds(subject.pid) - before < 0.05:
                return
        else:
            if ours.get("/v1/wallet/").json()["held"] == 0:
                return
            time.sleep(0.2)


def race(asked) -> bool:
    """Accepted of 64 at once when 10 can be paid, and what is left in the wallet."""
    clients = 64
    print(f"{clients} clients submit at the same moment, 10 can be paid:")
    results = {}

    def charge(port: int, headers: dict, body: dict) -> list[int]:
        barrier = threading.Barrier(clients)

        def one(_):
            barrier.wait()
            try:
                return ask(port, "POST", "/v1/3d-models/trellis2/generate/", body, headers)[0]
            except OSError:
                return 0

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            return list(pool.map(one, range(clients)))

    good = True
    for round_number in range(asked.races):
        with Processes() as here, Simulator(scale=0.01) as sim:
            with Gateway({"providers": provider_config({"fal": sim}), "polling": {"scale": 0.01}}, credits=300,
                         log_level="info") as ours:  # fmt: skip
                codes = charge(ours.port, {"Authorization": f"Bearer {ours.key}"}, WISH)
                accepted = codes.count(200)
                left = ours.get("/v1/wallet/").json()["balance"]
                good = good and (accepted, left) == (10, 0)
                results.setdefault("trellis-gateway", []).append((accepted, left))
                ours.cli("credits", "verify")
            port, _, _ = start_naive(here, sim.url, BALANCE=str(10 * PRICE))
            key = {"Authorization": "Bearer bench-key"}
            codes = charge(port, key, {"image_url": WISH["image_url"]})
            left = ask(port, "GET", "/v1/wallet/", headers=key)[1]["balance"]
            results.setdefault("FastAPI", []).append((codes.count(200), left))
    for name, found in results.items():
        print(f"  {name:18} accepted {', '.join(str(a) for a, _ in found)}; balance {', '.join(str(b) for _, b in found)}")
    return good


def kills(asked) -> bool:
    """SIGKILL at random moments while tasks are under way; then a fresh start, and time to end."""
    tasks, rounds = 12, asked.kills
    chance = random.Random(asked.seed)
    print(f"SIGKILL at random moments, {rounds} rounds of {tasks} tasks, seed {asked.seed}:")
    with Processes() as here, Simulator(scale=0.02) as sim:
        sim.settings(durations={"fal": 20})
        account = {"lost": 0, "double-paid": 0, "unrefunded": 0, "accepted": 0}
        config = {"providers": provider_config({"fal": sim}, concurrency=1000), "polling": {"scale": 0.02},
                  "limits": {"task_deadline": 20}}  # fmt: skip
        with Gateway(config, log_level="info") as ours:
            start = ours.get("/v1/wallet/").json()["balance"]
            bought = sim.count("fal", "bought")
            known = []
            for _ in range(rounds):
                known += submit_until_killed(
                    lambda: ask(ours.port, "POST", "/v1/3d-models/trellis2/generate/", WISH,
                                {"Authorization": f"Bearer {ours.key}"}), tasks, chance, ours.kill)  # fmt: skip
                ours.start()
            ends = [ours.finished(task, 60)["status"] for task in known]
            account["accepted"] = len(known)
            account["lost"] = sum(end not in ("FINISHED", "FAILED") for end in ends)
            # A task whose answer never reached its client is taken, too: it is counted with the rest.
            page, cursor = [], ""
            while cursor is not None:
                answer = ours.get(f"/v1/generation-requests/?limit=100{cursor}").json()
                page += answer["items"]
                cursor = f"&cursor={answer['next_cursor']}" if answer.get("next_cursor") else None
            for task in {t["task_id"] for t in page} - set(known):
                ours.finished(task, 60)
            account["double-paid"] = max(0, sim.count("fal", "bought") - bought - len(page))
            wallet = ours.get("/v1/wallet/").json()
            finished = sum(ours.status(t["task_id"])["status"] == "FINISHED" for t in page)
            account["unrefunded"] = (start - wallet["balance"] - 30 * finished) // 30
            ours.cli("credits", "verify")
        good = account["lost"] == account["double-paid"] == account["unrefunded"] == 0
        print(f"  {'trellis-gateway':18} {tell(account)}")

        account = dict.fromkeys(account, 0)
        database = str(here.home / "kills.db")
        key = {"Authorization": "Bearer bench-key"}
        port, process, _ = start_naive(here, sim.url, DB=database, BALANCE="1000000")
        bought, known = sim.count("fal", "bought"), []
        for _ in range(rounds):

            def kill():
                process.kill()
                process.wait()

            wish = {"image_url": WISH["image_url"]}
            known += submit_until_killed(
                lambda: ask(port, "POST", "/v1/3d-models/trellis2/generate/", wish, key), tasks, chance, kill)  # fmt: skip
            port, process, _ = start_naive(here, sim.url, DB=database, PORT=str(port))
        time.sleep(5)
        ends = [ask(port, "GET", f"/v1/generation-request/{task}/status/", headers=key)[1]["status"] for task in known]
        account["accepted"] = len(known)
        account["lost"] = sum(end not in ("FINISHED", "FAILED") for end in ends)
        account["double-paid"] = max(0, sim.count("fal", "bought") - bought - len(known))
        spent = 1_000_000 - ask(port, "GET", "/v1/wallet/", headers=key)[1]["balance"]
        account["unrefunded"] = spent // PRICE - ends.count("FINISHED")
        print(f"  {'FastAPI':18} {tell(account)}")
    return good


def submit_until_killed(submit, count: int, chance: random.Random, kill) -> list[str]:
    """The tasks whose acknowledgement arrived. The kill comes while they are submitted, looked at or fetched."""
    timer = threading.Timer(chance.uniform(0.05, 1.2), kill)
    timer.start()
    known = []
    for _ in range(count):
        try:
            status, answer = submit()
            if status == 200:
                known.append(answer["task_id"])
        except (OSError, ValueError, http.client.HTTPException):
            break
        time.sleep(0.01)
    timer.join()
    return known


def tell(account: dict) -> str:
    return "   ".join(f"{name} {account[name]}" for name in ("accepted", "lost", "double-paid", "unrefunded"))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=int, default=3)
    arguments.add_argument("--latency", type=float, default=20)
    arguments.add_argument("--races", type=int, default=3)
    arguments.add_argument("--kills", type=int, default=8)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--only", choices=["speed", "race", "kills"])
    arguments.add_argument("--without-llm", action="store_true")
    asked = arguments.parse_args()
    good = True
    if asked.only in (None, "race"):
        good = race(asked) and good
    if asked.only in (None, "kills"):
        good = kills(asked) and good
    if asked.only in (None, "speed"):
        speed(asked)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
