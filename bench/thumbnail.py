#!/usr/bin/env python3
"""Measures what is done to a finished model: check, strip, thumbnail.

    bench/thumbnail.py [--rounds 5] [--faces 1000000] [--side 4096]

Each model has the given number of faces and, but for the last, two textures of side × side pixels, as TRELLIS.2 writes
them. One round takes every model and job once, in turn; printed are the medians over the rounds and the most memory
that any round held. The thumbnail has to stay below 2 s and 600 MB.
"""
import argparse, json, os, pathlib, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MOST_SECONDS, MOST_MB = 2.0, 600


def measured(*words):
    """Seconds on the clock, and the most memory held, in MB."""
    began = time.perf_counter()
    process = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, words))} failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--faces", type=int, default=1_000_000)
    options.add_argument("--side", type=int, default=4096)
    asked = options.parse_args()

    build = ["swift", "build", "-c", "release", "--product", "GLBProbe"]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    folder = subprocess.run([*build, "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True)
    probe = pathlib.Path(folder.stdout.strip()) / "GLBProbe"

    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        models = {}
        for texture in ("webp", "png", "jpeg", "none"):
            models[texture] = work / f"{texture}.glb"
            subprocess.run(
                [probe, "sample", models[texture], str(asked.faces), texture, str(asked.side), "5"],
                check=True, stdout=subprocess.DEVNULL,
            )
        held = json.loads(subprocess.run([probe, "check", models["webp"]], check=True, capture_output=True).stdout)
        figures = {}
        for _ in range(asked.rounds):
            for texture, model in models.items():
                for job in ("check", "strip", "thumbnail"):
                    out = work / "out"
                    out.unlink(missing_ok=True)
                    words = [probe, job, model] + ([] if job == "check" else [out])
                    figures.setdefault((texture, job), []).append(measured(*words))
        print(" ".join(["bench/thumbnail.py", *sys.argv[1:]]))
        print(f"{held['faces']:,} faces, {held['vertices']:,} vertices, textures {asked.side} × {asked.side}, "
              f"medians of {asked.rounds} rounds, process start included")
        print(f"{'texture':8} {'file':>7} {'check':>16} {'strip':>16} {'thumbnail':>16}")
        good = True
        for texture, model in models.items():
            cells = []
            for job in ("check", "strip", "thumbnail"):
                seconds = statistics.median(s for s, _ in figures[texture, job])
                most = max(mb for _, mb in figures[texture, job])
                cells.append(f"{seconds:7.3f} s {most:4.0f} MB")
                good = good and (job != "thumbnail" or seconds < MOST_SECONDS and most < MOST_MB)
            print(f"{texture:8} {model.stat().st_size / 1e6:4.1f} MB " + " ".join(f"{cell:>16}" for cell in cells))
        print(f"thumbnail below {MOST_SECONDS} s and {MOST_MB} MB: {'yes' if good else 'NO'}")
        sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
