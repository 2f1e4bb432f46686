"""A CI-sized share of bench/scale.py: a store multiplied by other hands still proves, lists and cleans itself."""

import sqlite3
import sys
import time

from gateway import ROOT, Gateway, data_uri
from work_house import Simulator

sys.path.insert(0, str(ROOT / "bench"))

import scale  # noqa: E402

TASKS = 5000


def test_five_thousand_tasks_are_listed_proved_and_cleaned_up():
    with Simulator() as sim, Gateway(scale.config(sim)) as g:
        task = g.submit({"image": data_uri(), "textures": True}, headers={"Idempotency-Key": "first"})
        assert g.finished(task)["status"] == "FINISHED"
        g.stop()
        scale.Multiplier(g.data / "gateway.db").multiply(TASKS)
        with sqlite3.connect(g.data / "gateway.db") as rows:
            # A fifth of them has its pictures and models still, though their time is over.
            rows.execute("UPDATE assets SET removed_at = NULL WHERE rowid_of(task) % 5 = 0".replace(
                "rowid_of(task)", "(SELECT number FROM tasks WHERE id = assets.task)"))  # fmt: skip
        g.start()
        proved = g.cli("credits", "verify").stdout
        assert str(2 * TASKS + 3) in proved.replace(",", ""), proved

        seen, cursor = set(), ""
        while cursor is not None:
            page = g.get(f"/v1/generation-requests/?limit=100{cursor}").raise_for_status().json()
            seen |= {item["task_id"] for item in page["items"]}
            cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
        assert len(seen) == TASKS + 1

        def left() -> int:
            with sqlite3.connect(f"file:{g.data}/gateway.db?mode=ro", uri=True) as rows:
                return rows.execute(
                    "SELECT count(*) FROM assets JOIN tasks ON tasks.id = task "
                    "WHERE removed_at IS NULL AND expires_at < ?", [time.time() * 1000]).fetchone()[0]  # fmt: skip

        end = time.monotonic() + 60
        while left():
            assert time.monotonic() < end, f"the janitor has left {left()} files"
            time.sleep(0.1)
        # What others still speak of stays: the file of all of them is one.
        assert g.get(g.status(task)["results"][0]["asset"], key=None).status_code == 200
