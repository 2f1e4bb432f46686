"""Keeping: nothing half is ever seen, a full disk loses nothing, and what has had its time goes."""

import hashlib
import os
import pathlib
import sqlite3
import time

from file_host import FileHost, build_shim, small_glb
from gateway import Gateway, contents, data_uri, png
from work_house import Simulator, money_is_right, work_gateway

BODY = {"image": data_uri(), "textures": True}


def assets(g: Gateway) -> pathlib.Path:
    return g.data / "assets"


def kept(g: Gateway) -> dict[str, bytes]:
    """Every file that can be seen under a name, checked to be what its name says."""
    found = {path.name: data for path, data in contents(assets(g).glob("??/*"))}
    for name, data in found.items():
        assert hashlib.sha256(data).hexdigest() == name, f"{name} holds {len(data)} other bytes"
    return found


def drafts(g: Gateway) -> list[pathlib.Path]:
    return list((assets(g) / "drafts").iterdir())


def until(true, seconds: float = 20, what: str = "it"):
    end = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < end, f"{what} did not come to pass within {seconds} s"
        time.sleep(0.01)
    return value


def result_at(sim: Simulator, url: str) -> None:
    """Every job at fal ends with the file at this address."""
    sim.fault(provider="fal", route="result", body=f'{{"model_glb":{{"url":"{url}"}}}}', times=None)


def test_a_kill_during_a_download_leaves_no_half_file():
    model = small_glb(os.urandom(1 << 20))
    with Simulator() as sim, FileHost() as host, work_gateway({"fal": sim}) as g:
        host.half["/slow.glb"] = model
        result_at(sim, host.url + "/slow.glb")
        task = g.submit(BODY)
        for _ in range(2):
            until(lambda: any(d.stat().st_size >= 100_000 for d in drafts(g)), what="half a download")
            g.kill()
            assert hashlib.sha256(model).hexdigest() not in kept(g)
            left = {d.name for d in drafts(g)}
            assert left, "the kill came in the middle of it"
            g.start()
            # The process is part of a draft's name, so a new one is none of those.
            assert not left & {d.name for d in drafts(g)}, "swept at the start"
            assert g.status(task)["status"] == "IN_PROGRESS"
        host.go.set()
        status = g.finished(task)
        assert status["status"] == "FINISHED", status
        assert g.get(status["results"][0]["asset"], key=None).content == model
        assert sim.count("fal", "bought") == 1
        until(lambda: not drafts(g), what="the end of the drafts")
        money_is_right(g)


def test_what_runs_that_died_left_is_swept_at_the_start():
    with Gateway() as g:
        status = g.finished(g.submit())
        url = status["results"][0]["asset"]
        g.stop()
        spoken = set(kept(g))
        old = time.time() - 7200
        orphan, young = b"nobody speaks of this", b"somebody may be about to speak of this"
        paths = {}
        for data in (orphan, young):
            name = hashlib.sha256(data).hexdigest()
            paths[data] = assets(g) / name[:2] / name
            paths[data].parent.mkdir(exist_ok=True)
            paths[data].write_bytes(data)
        os.utime(paths[orphan], (old, old))
        for number in ("1-1", "99999999-3", "1-1.bare"):
            (assets(g) / "drafts" / number).write_bytes(b"half a model")
        g.start()
        assert drafts(g) == []
        until(lambda: not paths[orphan].exists(), what="the sweep")
        assert paths[young].exists()
        assert spoken <= set(kept(g)) and g.get(url, key=None).status_code == 200


def test_a_result_that_has_had_its_time_is_gone_and_its_place_is_free():
    with Gateway() as g:
        short, long = g.finished(g.submit({**BODY, "seed": 1, "ttl": 60})), g.finished(g.submit({**BODY, "seed": 2}))
        urls = [s["results"][0]["asset"] for s in (short, long)]
        assert short["expires_at"] < long["expires_at"]
        before = set(kept(g))
        g.stop()
        # A minute is long for a test: the clock is not moved, the rows are.
        with sqlite3.connect(g.data / "gateway.db") as database:
            database.execute("UPDATE tasks SET expires_at = expires_at - 100000 WHERE expires_at = "
                             "(SELECT min(expires_at) FROM tasks)")  # fmt: skip
        for path in assets(g).glob("??/*"):
            os.utime(path, (time.time() - 100, time.time() - 100))
        g.start()
        name = urls[0].split("/assets/")[1][:64]
        until(lambda: name not in kept(g), what="the janitor")
        answer = g.get(urls[0], key=None)
        assert answer.status_code == 410 and answer.json()["error"]["code"] == "gone"
        assert g.get(urls[1], key=None).status_code == 200
        assert len(before - set(kept(g))) == 1
        assert g.status(short["task_id"])["status"] == "FINISHED", "the story stays"


def test_the_same_picture_is_kept_once():
    with Gateway() as g:
        picture = png(16, 16, salt=9)
        for _ in range(3):
            g.finished(g.submit({"image": data_uri(picture)}))
        assert list(kept(g).values()).count(picture) == 1


def test_a_full_quota_refuses_new_work_and_serves_the_old():
    config = {"assets": {"quota_bytes": 4 << 20, "model_bytes": 1 << 20}}
    with Gateway(config) as g:
        status = g.finished(g.submit())
        for _ in range(20):
            # Each of them another picture, so each takes its own place.
            big = data_uri(png() + os.urandom(300_000))
            answer = g.post("/v1/3d-models/trellis2/generate/", json={"image": big})
            if answer.status_code != 200:
                break
            g.finished(answer.json()["task_id"])
        assert answer.status_code == 503, answer.text
        assert answer.json()["error"]["code"] == "storage_full"
        assert int(answer.headers["retry-after"]) > 0
        assert sum(map(len, kept(g).values())) <= 4 << 20
        assert g.get(status["results"][0]["asset"], key=None).status_code == 200
        assert g.get("/readyz", key=None).status_code == 503
        assert g.get("/healthz", key=None).status_code == 200
        money_is_right(g)


def test_too_little_free_disk_refuses_new_work():
    with Gateway({"assets": {"reserve_bytes": 0}}) as g:
        status = g.finished(g.submit())
        g.config["assets"]["reserve_bytes"] = 1 << 60
        g.restart()
        answer = g.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri()})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_full")
        assert "nothing was charged" in answer.json()["error"]["message"]
        assert "reserve_bytes" in g.get("/readyz", key=None).text
        assert g.get(status["results"][0]["asset"], key=None).status_code == 200


def test_a_disk_that_fills_up_under_way_refuses_new_pictures_and_finishes_paid_work_when_there_is_room():
    with Simulator() as sim:
        g = work_gateway({"fal": sim}, {"assets": {"reserve_bytes": 0}})
        full = g.home / "full"
        g.env = {"LD_PRELOAD": build_shim(), "SHIM_FULL": str(full)}
        with g:
            old = g.finished(g.submit(BODY))
            # It ends when it is told to below, not while the disk is still about to be full.
            sim.fault(provider="fal", fate={"end": "stuck"}, times=1)
            task = g.submit({"image_url": "https://example.com/chair.png", "textures": True})
            job = until(lambda: [j for j in sim.jobs("fal") if j["state"] in ("waiting", "running")], what="the job")[0]
            full.touch()
            before = kept(g)
            balance = g.get("/v1/wallet/").json()
            refused = g.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri(png(salt=50))})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "storage_full"), refused.text
            assert g.get("/v1/wallet/").json() == balance
            sim.control("POST", f"/jobs/fal/{job['id']}", {"finish": True})
            # The paid result finds no room, and is tried for again and again.
            until(lambda: len(g.events("result not at hand")) >= 2, what="a second try")
            assert g.status(task)["status"] == "IN_PROGRESS"
            assert kept(g) == before and g.get(old["results"][0]["asset"], key=None).status_code == 200
            full.unlink()
            status = g.finished(task)
            assert status["status"] == "FINISHED", status
            assert g.get(status["results"][0]["asset"], key=None).status_code == 200
            assert sim.count("fal", "bought") == 2
            assert g.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri(png(salt=50))}).status_code == 200
