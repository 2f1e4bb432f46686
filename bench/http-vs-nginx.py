#!/usr/bin/env python3
"""Measures the HTTP server against nginx, side by side on this machine, and prints ratios.

    bench/http-vs-nginx.py [--rounds 5] [--seconds 4] [--only status|file|pace]
    bench/http-vs-nginx.py --url http://127.0.0.1:8080/v1/generation-request/ID/status/ --key "Bearer KEY" --pid PID \
                  [--file-url http://127.0.0.1:8080/v1/assets/NAME...]

Without --url it starts bench-http-server (the server with a synthetic status read) by itself; with --url it measures
a gateway that is already running. nginx answers the same body by `return 200`, and the same file by sendfile.

One round measures every variant once, in fixed order; the figures are medians over the rounds, and a ratio is the
median of the ratios within each round. CPU is user + system time of the server's processes over wrk's request count.
"""
import argparse, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BENCH_BUILD", f"{ROOT}/.build/release")
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
    location = /big.bin {{ root {os.path.dirname(big)}; }}
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", choices=["status", "file", "pace"])
    parser.add_argument("--connections", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--url")
    parser.add_argument("--file-url")
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--pid", type=int)
    options = parser.parse_args()
    for tool in ("nginx", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is needed: apt-get install {tool}")

    directory = tempfile.mkdtemp(prefix="bench-http-")
    os.chmod(directory, 0o755)
    processes = []
    try:
        big = f"{directory}/big.bin"
        with open(big, "wb") as f:
            f.write(os.urandom(20_000_000))
        os.chmod(big, 0o644)
        if options.url:
            url, file_url, pid = options.url, options.file_url, options.pid
        else:
            server = f"{BUILD}/bench-http-server"
            if not os.path.exists(server):
                sys.exit("build it first: swift build -c release --product bench-http-server")
            port = free_port()
            process = subprocess.Popen([server, f"127.0.0.1:{port}", options.key, TASK, big, str(os.path.getsize(big))])
            processes.append(process)
            pid = process.pid
            url = f"http://127.0.0.1:{port}/v1/generation-request/{TASK}/status/"
            file_url = f"http://127.0.0.1:{port}/big.bin"
        body = fetch(url, options.key)
        nginx, nginx_url = start_nginx(directory, body, big)
        processes.append(nginx)
        same = fetch(nginx_url + "/v1/status/", options.key)
        assert same == body, (same, body)
        path = "/v1/generation-request/" + TASK + "/status/"
        print(f"body of {len(body)} bytes; server RSS {rss_mb(pid):.1f} MB")
        if options.only in (None, "status"):
            for connections in options.connections:
                compare("status", [("nginx", nginx_url + path, nginx.pid, options.key), ("ours", url, pid, options.key)],
                        connections, options.rounds, options.seconds, "us/req", 1e6)
        if options.only in (None, "file") and file_url:
            if options.file_url:
                with open(big, "wb") as f:
                    f.write(fetch(file_url))
            compare("20 MB file", [("nginx", nginx_url + "/big.bin", nginx.pid, None), ("ours", file_url, pid, None)],
                    8, options.rounds, options.seconds, "ms/file", 1e3)
        if options.only in (None, "pace"):
            pace = f"{BUILD}/bench-http-pace"
            print("\nfixed 5 000 requests/s over 32 connections, latency from the scheduled moment")
            for round_number in range(options.rounds):
                for label, target in (("nginx", nginx_url + path), ("ours", url)):
                    print(f"{label:14}" + subprocess.run(
                        [pace, target, options.key, "5000", "32", str(options.seconds)],
                        capture_output=True, text=True, check=True).stdout.strip(), flush=True)
        print(f"\nserver RSS {rss_mb(pid):.1f} MB")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
