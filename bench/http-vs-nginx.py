#!/usr/bin/env python3
"""Measures the gateway against nginx, side by side on this machine, and prints ratios.

    make bench-http
    bench/http-vs-nginx.py [--rounds 5] [--seconds 3] [--only status|file|pace] [--bare]

It starts the release build of the gateway on loopback in a directory of its own, makes an account with a key, has one
task finish (so that there is an asset, which is grown to 20 MB, and a measured duration, so that statuses carry an
estimate) and leaves one running. Then it reads that live task's status with the key. nginx answers the same bytes by
`return 200`, and the same file by sendfile. --bare measures bench-http-server in the gateway's place: the server alone
with a made-up status read behind it, to tell its share from the gateway's.

One round measures every variant once, in fixed order; the figures are medians over the rounds, and a ratio is the
median of the ratios within each round. CPU is user + system time of the server's processes over wrk's request count.
"""
import argparse, os, re, shutil, signal, socket, statistics, subprocess, sys, tempfile, time, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = f"{ROOT}/.build/release"
os.environ.setdefault("TRELLIS_BIN_DIR", f"{ROOT}/.build/dist")
sys.path.insert(0, f"{ROOT}/Tests/blackbox")

from gateway import Gateway  # noqa: E402

FILE_BYTES = 20_000_000
# A synthetic task and key, for --bare.
TASK = "0b6c2f0e-7f5a-4a55-9d5b-2f8e3e1c9a10"
KEY = "Bearer tg_live_0123456789abcdef0123456789abcdef0123456789abcdef01234567"
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children(pid):
    out = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
                if int(stat[1]) == pid:
                    out.append(int(entry))
            except OSError:
                pass
    return out


def cpu_seconds(pid):
    total = 0
    for p in [pid] + children(pid):
        stat = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
        total += int(stat[11]) + int(stat[12])
    return total / TICK


def rss_mb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024


def fetch(url, key=None):
    request = urllib.request.Request(url, headers={"Authorization": key} if key else {})
    for attempt in range(100):
        try:
            with urllib.request.urlopen(request) as reply:
                return reply.read()
        except (ConnectionError, urllib.error.URLError) as error:
            if isinstance(error, urllib.error.HTTPError) or attempt == 99:
                raise
            time.sleep(0.05)


def start_nginx(directory, body, big):
    port = free_port()
    quoted = body.decode().replace("\\", "\\\\").replace("'", "\\'")
    if "$" in quoted:
        sys.exit("the body has a $ in it, which nginx would read as a variable")
    path = f"{directory}/nginx.conf"
    with open(path, "w") as f:
        f.write(f"""
daemon off; worker_processes {os.cpu_count()}; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_timeout 300; keepalive_requests 100000000; default_type application/json;
  client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    location = /served.bin {{ root {os.path.dirname(big)}; }}
    location / {{ return 200 '{quoted}'; }}
  }}
}}
""")
    process = subprocess.Popen(["nginx", "-c", path, "-p", directory], stderr=subprocess.DEVNULL)
    return process, f"http://127.0.0.1:{port}"


def wrk(url, connections, seconds, key):
    command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", "Accept: application/json",
               "-H", "User-Agent: bench/1.0"]
    if key:
        command += ["-H", f"Authorization: {key}"]
    out = subprocess.run(command + [url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"wrk reports errors from {url}:\n{out}")
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    units = {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}
    p50, p99 = (float(v) * units[u] for v, u in
                (re.search(rf"{p}%\s+([\d.]+)(us|ms|s|m)", out).groups() for p in ("50", "99")))
    return requests, rate, p50, p99


def compare(name, variants, connections, rounds, seconds, unit, scale):
    """variants: (label, url, pid, key), the baseline first."""
    rows = {label: [] for label, *_ in variants}
    for round_number in range(rounds):
        for label, url, pid, key in variants:
            before = cpu_seconds(pid)
            requests, rate, p50, p99 = wrk(url, connections, seconds, key)
            cpu = (cpu_seconds(pid) - before) / requests * scale
            rows[label].append((rate, cpu, p50, p99))
            print(f"  round {round_number + 1} {label:12} {rate:9.0f}/s  {cpu:7.2f} {unit}", file=sys.stderr)
    base = variants[0][0]
    print(f"\n{name}, c={connections}, median of {rounds} rounds of {seconds} s")
    print(f"{'':14}{'req/s':>9} {'ratio':>6} {'CPU ' + unit:>11} {'ratio':>6} {'p50 ms':>8} {'p99 ms':>8}")
    for label in rows:
        median = [statistics.median(column) for column in zip(*rows[label])]
        rate_ratio = statistics.median(mine[0] / theirs[0] for mine, theirs in zip(rows[label], rows[base]))
        cpu_ratio = statistics.median(mine[1] / theirs[1] for mine, theirs in zip(rows[label], rows[base]))
        print(f"{label:14}{median[0]:9.0f} {rate_ratio:6.2f} {median[1]:11.2f} {cpu_ratio:6.2f} "
              f"{median[2]:8.2f} {median[3]:8.2f}", flush=True)


class Product:
    """The gateway with one finished and one live task."""

    def __init__(self):
        # Long enough to be live through every round.
        self.gateway = Gateway(
            config={"providers": {"sandbox": {"duration": 0.2}}}, log_level="info")
        self.gateway.__enter__()
        asset = self.gateway.finished(self.gateway.submit())["results"][0]["asset"]
        # A file is known by its name, so its bytes can be others.
        name = re.search(r"/v1/assets/([0-9a-f]{64})", asset).group(1)
        kept = [f"{d}/{f}" for d, _, files in os.walk(self.gateway.data) for f in files if name in f]
        assert len(kept) == 1, (asset, kept)
        with open(kept[0], "wb") as file:
            file.write(os.urandom(FILE_BYTES))
        self.file = kept[0]
        self.gateway.config["providers"]["sandbox"]["duration"] = 1200
        self.gateway.write_config()
        self.gateway.signal(signal.SIGHUP)
        # The task that is submitted too early for the new duration finishes at once; the next one does not.
        for _ in range(50):
            task = self.gateway.submit()
            time.sleep(0.5)
            if self.gateway.status(task)["status"] == "IN_PROGRESS":
                break
        else:
            sys.exit("no task stays alive")
        self.pid = self.gateway.pid
        self.key = f"Bearer {self.gateway.key}"
        self.path = f"/v1/generation-request/{task}/status/"
        self.url = self.gateway.url + self.path
        self.file_url = self.gateway.url + asset[asset.index("/v1/assets/"):]

    def close(self):
        self.gateway.__exit__(None, None, None)


class Bare:
    """The server with nothing of the gateway behind it."""

    def __init__(self, directory):
        server = f"{BUILD}/bench-http-server"
        if not os.path.exists(server):
            sys.exit("build it first: make release-bench")
        self.file = f"{directory}/big.bin"
        with open(self.file, "wb") as file:
            file.write(os.urandom(FILE_BYTES))
        port = free_port()
        self.process = subprocess.Popen([server, f"127.0.0.1:{port}", KEY, TASK, self.file, str(FILE_BYTES)])
        self.pid, self.key = self.process.pid, KEY
        self.path = f"/v1/generation-request/{TASK}/status/"
        self.url = f"http://127.0.0.1:{port}{self.path}"
        self.file_url = f"http://127.0.0.1:{port}/big.bin"

    def close(self):
        self.process.terminate()
        self.process.wait()


def pace(nginx_url, ours, rounds, seconds):
    program = f"{BUILD}/bench-http-pace"
    if not os.path.exists(program):
        sys.exit("build it first: make release-bench")
    print("\nfixed 5 000 requests/s over 32 connections, latency from the scheduled moment")
    worst = {}
    for _ in range(rounds):
        for label, target in (("nginx", nginx_url + ours.path), ("ours", ours.url)):
            line = subprocess.run(
                [program, target, ours.key, "5000", "32", str(seconds)], capture_output=True, text=True, check=True
            ).stdout.strip()
            worst.setdefault(label, []).append(float(re.search(r"p99 ([\d.]+) ms", line).group(1)))
            print(f"{label:14}{line}", flush=True)
    for label, values in worst.items():
        print(f"{label:14}median p99 {statistics.median(values):.3f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", choices=["status", "file", "pace"])
    parser.add_argument("--connections", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--bare", action="store_true")
    options = parser.parse_args()
    for tool in ("nginx", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is needed: apt-get install {tool}")

    directory = tempfile.mkdtemp(prefix="bench-http-")
    os.chmod(directory, 0o755)
    ours = nginx = None
    try:
        ours = Bare(directory) if options.bare else Product()
        # nginx's workers may be another user, who cannot look into the gateway's directory.
        big = f"{directory}/served.bin"
        shutil.copyfile(ours.file, big)
        os.chmod(big, 0o644)
        body = fetch(ours.url, ours.key)
        nginx, nginx_url = start_nginx(directory, body, big)
        same = fetch(nginx_url + ours.path, ours.key)
        assert same == body, (same, body)
        assert len(fetch(ours.file_url)) == FILE_BYTES
        print(f"status of {len(body)} bytes: {body.decode()}\nserver RSS {rss_mb(ours.pid):.1f} MB")
        if options.only in (None, "status"):
            for connections in options.connections:
                compare("status", [("nginx", nginx_url + ours.path, nginx.pid, ours.key),
                                   ("ours", ours.url, ours.pid, ours.key)],
                        connections, options.rounds, options.seconds, "us/req", 1e6)
        if options.only in (None, "file"):
            compare("20 MB file", [("nginx", nginx_url + "/served.bin", nginx.pid, None),
                                   ("ours", ours.file_url, ours.pid, None)],
                    8, options.rounds, options.seconds, "ms/file", 1e3)
        if options.only in (None, "pace"):
            pace(nginx_url, ours, options.rounds, options.seconds)
        print(f"\nserver RSS {rss_mb(ours.pid):.1f} MB")
    finally:
        if nginx:
            nginx.terminate()
            nginx.wait()
        if ours:
            ours.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
