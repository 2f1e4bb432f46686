"""The bank test: clients that never give up against a gateway that is killed again and again.

Every answer is one of three: yes, no, or unknown (no answer came), and an unknown one is asked again with the same
key until it is known. After every kill the files that were left are looked at by themselves. At the end: what was
acknowledged is there, nothing is there that nobody asked for, nothing is there twice, and the money adds up.
`TRELLIS_SEED` makes a run again, `TRELLIS_KILLS` makes it longer.
"""

import os
import random
import threading
import time

import httpx

from gateway import Gateway
from store_tools import LIMITS, SUBMIT, sound, tasks, wrong_in

CREDITS, GRANT = 1_000_000, 7
KILLS = int(os.environ.get("TRELLIS_KILLS", "20"))
SEED = int(os.environ.get("TRELLIS_SEED", random.SystemRandom().randrange(1 << 32)))
CONFIG = {
    # What was being sent when it was killed and cannot be found out is refunded after this long.
    "limits": LIMITS | {"task_deadline": 10},
    "providers": {"sandbox": {"duration": 0.05}},
    "polling": {"scale": 0.05},
}
PATIENCE = 60


class Worker(threading.Thread):
    """Does one thing after the other until it is told to stop; its failure is the test's."""

    def __init__(self, gateway: Gateway, name: str, stop: threading.Event):
        super().__init__(name=name, daemon=True)
        self.gateway, self.is_over = gateway, stop
        self.random = random.Random(f"{SEED}/{name}")
        self.unknown = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with httpx.Client(trust_env=False, timeout=10) as self.http:
                count = 0
                while not self.is_over.is_set():
                    count += 1
                    self.step(count)
        except BaseException as error:  # handed to the test, which raises it
            self.failure = error

    def known(self, ask):
        """Asks until there is an answer."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                answer = ask()
            except (httpx.TransportError, OSError):
                self.unknown += 1
                time.sleep(0.02)
                continue
            if answer is not None:
                return answer
            time.sleep(0.05)
        raise TimeoutError(f"{self.name} has had no answer for {PATIENCE} s")

    def post(self, path: str, body: dict, key: str | None = None, fine: tuple[int, ...] = (200,)) -> dict:
        def ask() -> dict | None:
            headers = {"Authorization": f"Bearer {self.gateway.key}"} | ({"Idempotency-Key": key} if key else {})
            answer = self.http.post(self.gateway.url + path, json=body, headers=headers)
            if answer.status_code in (429, 503):
                return None
            assert answer.status_code in fine, f"{path} {answer.status_code}: {answer.text}"
            return answer.json()

        return self.known(ask)


class Customer(Worker):
    """Submits; sometimes asks twice; cancels what would never end."""

    def __init__(self, *rest):
        super().__init__(*rest)
        self.acknowledged: dict[str, str] = {}
        self.asked: set[str] = set()

    def step(self, count: int) -> None:
        key = f"{self.name}-{count}"
        mode = self.random.choices(["fail", "reject", "normal", "hang"], [50, 30, 4, 16])[0]
        body = {"image_url": "https://example.com/a.png", "metadata": {"key": key, "sandbox": mode}}
        self.asked.add(key)
        task = self.acknowledged[key] = self.post(SUBMIT, body, key)["task_id"]
        if self.random.random() < 0.2:
            assert self.post(SUBMIT, body, key)["task_id"] == task
        if mode == "hang":
            # A cancel may come too late: that is an answer too.
            self.post(f"/v1/generation-request/{task}/cancel/", {}, fine=(200, 202, 409))


class Treasurer(Worker):
    """Tops the account up, each time under a reference of its own, and until it is known to be credited."""

    granted = 0

    def step(self, count: int) -> None:
        body = {"amount": GRANT, "reference": f"top-up {count}"}
        path = f"/admin/v1/accounts/{self.gateway.account_id}/credits"
        self.known(lambda: self.gateway.admin("POST", path, body))
        self.granted += GRANT
        time.sleep(0.01)


class Auditor(Worker):
    """At every read, under load and between kills, a wallet's parts add up to what it was ever given."""

    def __init__(self, *rest):
        super().__init__(*rest)
        self.totals: list[int] = []

    def step(self, count: int) -> None:
        def ask() -> dict | None:
            headers = {"Authorization": f"Bearer {self.gateway.key}"}
            answer = self.http.get(f"{self.gateway.url}/v1/wallet/", headers=headers)
            return answer.json() if answer.status_code == 200 else None

        wallet = self.known(ask)
        assert min(wallet["balance"], wallet["held"], wallet["spent"]) >= 0, wallet
        self.totals.append(wallet["balance"] + wallet["held"] + wallet["spent"])
        time.sleep(0.01)


def test_fault_46_a_bank_that_is_killed_over_and_over_loses_and_invents_nothing():
    print(f"seed {SEED}, {KILLS} kills")
    chance = random.Random(SEED)
    with Gateway(config=CONFIG, credits=CREDITS, log_level="info") as g:
        stop = threading.Event()
        customers = [Customer(g, f"customer-{number}", stop) for number in range(8)]
        treasurer, auditor = Treasurer(g, "treasurer", stop), Auditor(g, "auditor", stop)
        workers = [*customers, treasurer, auditor]
        for worker in workers:
            worker.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0, 0.4))
            g.kill()
            assert wrong_in(g.data) == {}
            g.start()
        stop.set()
        for worker in workers:
            worker.join(2 * PATIENCE)
            if worker.failure:
                raise worker.failure

        end = time.monotonic() + 60
        while unfinished := [task for task in tasks(g) if task["status"] not in ("FINISHED", "FAILED")]:
            assert time.monotonic() < end, unfinished[:3]
            time.sleep(0.2)
        found = tasks(g)
        by_key: dict[str, list[str]] = {}
        for task in found:
            by_key.setdefault(task["metadata"]["key"], []).append(task["task_id"])
        acknowledged = {key: task for customer in customers for key, task in customer.acknowledged.items()}
        asked = set().union(*(customer.asked for customer in customers))
        print(
            f"{len(acknowledged)} acknowledged, {sum(w.unknown for w in workers)} answers unknown at first,"
            f" {treasurer.granted // GRANT} top-ups, {len(auditor.totals)} looks at the wallet"
        )
        assert {key for key, task in acknowledged.items() if task not in by_key.get(key, [])} == set(), "lost"
        assert by_key.keys() - asked == set(), "ghosts"
        assert {key for key, made in by_key.items() if len(made) > 1} == set(), "double"
        assert len(acknowledged) > KILLS, "the customers got somewhere between the kills"

        total = CREDITS + treasurer.granted
        spent = sum(task["credits"] for task in found if task["status"] == "FINISHED")
        assert g.get("/v1/wallet/").json() == {"balance": total - spent, "held": 0, "spent": spent}
        assert auditor.totals == sorted(auditor.totals) and auditor.totals[-1] <= total
        assert all((seen - CREDITS) % GRANT == 0 for seen in auditor.totals)
        sound(g)
        assert g.stop() == 0
        assert wrong_in(g.data) == {}
