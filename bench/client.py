#!/usr/bin/env python3
"""Measures the HTTP client against a bare libcurl loop in C, side by side on this machine, and prints ratios.

    bench/client.py [--rounds 5] [--requests 30000] [--active 16] [--held 1000]

Both keep HELD calls in flight that are never answered, as jobs at upstreams are, and meanwhile ask ACTIVE at a time for
a small answer from the same server. One round measures every variant once; the figures are medians over the rounds, a
ratio is the median of the ratios within each round. CPU is user + system time of the whole process over its requests.

Fails when a call costs more than 60 us, a held one more than 20 KB, or the held ones more than one thread.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=30000)
    parser.add_argument("--active", type=int, default=16)
    parser.add_argument("--held", type=int, default=1000)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        for peer, libraries in (("answerer", []), ("curl-multi", ["-lcurl"])):
            source = f"{ROOT}/bench/peers/{peer}.c"
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", f"{directory}/{peer}", source, *libraries], check=True)
        build = ["swift", "build", "--package-path", ROOT, "-c", "release", "--product", "bench-http-client"]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        binary = subprocess.run(build + ["--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
        server = subprocess.Popen([f"{directory}/answerer"], stdout=subprocess.PIPE, text=True)
        try:
            port = server.stdout.readline().strip()
            tail = [port, str(options.held), str(options.active), str(options.requests)]
            variants = {
                "bare libcurl": [f"{directory}/curl-multi", *tail],
                "client, callback": [f"{binary}/bench-http-client", *tail, "callback"],
                "client, async": [f"{binary}/bench-http-client", *tail, "async"],
            }
            rounds = {name: [] for name in variants}
            for _ in range(options.rounds):
                for name, command in variants.items():
                    run = subprocess.run(command, check=True, capture_output=True, text=True)
                    rounds[name].append(json.loads(run.stdout))
        finally:
            server.kill()

    print(f"{options.held} calls held, {options.active} active, {options.requests} answered; "
          f"medians of {options.rounds} rounds")
    print(f"{'':18} {'CPU us':>8} {'ratio':>7} {'req/s':>8} {'KB held':>8} {'idle %':>7} {'threads':>8}")
    bare = rounds["bare libcurl"]
    failures = []
    for name, results in rounds.items():
        median = lambda key: statistics.median(r[key] for r in results)
        ratio = statistics.median(r["cpu_us"] / b["cpu_us"] for r, b in zip(results, bare))
        threads = max((r["more_threads"] for r in results if "more_threads" in r), default=None)
        print(f"{name:18} {median('cpu_us'):8.1f} {ratio:7.2f} {median('per_second'):8.0f} {median('kb_each'):8.1f} "
              f"{median('idle_percent'):7.2f} {'-' if threads is None else f'+{threads}':>8}")
        if name != "bare libcurl":
            if median("cpu_us") > 60:
                failures.append(f"{name}: {median('cpu_us'):.1f} us a request, at most 60 wanted")
            if median("kb_each") > 20:
                failures.append(f"{name}: {median('kb_each'):.1f} KB a held call, at most 20 wanted")
            if name == "client, callback" and threads:
                failures.append(f"{name}: {threads} more threads with {options.held} calls held")
    if failures:
        sys.exit("\n".join(failures))


main()
