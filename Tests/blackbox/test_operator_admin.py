"""Every admin act: by the API with a key, by the command line, and with its row in the audit.

`ROWS` has a row for each admin route. A route without one fails the first test, so none can be added unproved.
"""

import contextlib
import datetime
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gateway import Gateway, data_uri


class Deaf:
    """A provider that reads what it is sent and hangs up: nobody can know whether it took the job."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            # Whoever hangs up first, or sends no more, is done with as well.
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                received = b""
                while b"\r\n\r\n" not in received:
                    received += connection.recv(65536) or b"\r\n\r\n"
                head, _, body = received.partition(b"\r\n\r\n")
                length = next((int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length")), 0)
                while len(body) < length:
                    more = connection.recv(65536)
                    if not more:
                        break
                    body += more

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture(scope="module")
def house():
    with Deaf() as deaf:
        config = {
            "providers": {
                "empiriolabs": {"enabled": True, "api_key": "key-for-nobody", "base_url": deaf.url},
                "runware": {"enabled": False, "api_key": "key-for-nobody", "base_url": deaf.url},
                "sandbox": {"enabled": True, "duration": 0.2},
            },
            "routing": {"order": ["sandbox", "empiriolabs"]},
        }
        with Gateway(config) as g:
            g.admin_key = g.admin("POST", "/admin/v1/accounts/tests/keys", {"scope": "admin"})["key"]
            g.names = iter(f"name-{n}" for n in range(1000))
            yield g


def slow(g: Gateway) -> str:
    return g.submit({"image": data_uri(), "metadata": {"sandbox": "slow"}})


def unknown(g: Gateway) -> str:
    task = g.submit({"image": data_uri(), "provider": "empiriolabs", "fallback": False})
    while g.admin("GET", f"/admin/v1/tasks/{task}")["answered"]["state"] != "unknown":
        g.get(f"/v1/generation-request/{task}/status/?wait=1")
    return task


def key(g: Gateway) -> str:
    return g.admin("POST", "/admin/v1/accounts/tests/keys", {"label": "spare"})["id"]


def endpoint(g: Gateway) -> str:
    body = {"url": f"http://127.0.0.1:9{next(g.names)[5:].zfill(3)}/hook", "events": ["task.finished"]}
    answer = g.post("/v1/webhook-endpoints/", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@dataclass
class Row:
    """`make` prepares what is acted on and answers its name, which goes where `{}` is."""

    path: str
    words: str
    act: str | None = None
    make: Callable[[Gateway], str] = lambda g: ""
    body: dict | Callable[[Gateway], dict] | None = None
    status: int = 200
    #: What the act left behind, beside its audit row: looked at after each way of doing it.
    effect: Callable[[Gateway, str], bool] = lambda g, name: True


def name(g):
    return next(g.names)


def state(g, task):
    return g.admin("GET", f"/admin/v1/tasks/{task}")["answered"]["state"]


def balance(g):
    return g.admin("GET", "/admin/v1/accounts/tests/wallet")["balance"]


def is_enabled(g, provider):
    return next(p for p in g.admin("GET", "/admin/v1/providers")["items"] if p["id"] == provider)["enabled"]


def revoked(g, id):
    return next(k for k in g.admin("GET", "/admin/v1/accounts/tests/keys")["items"] if k["id"] == id)["revoked_at"]


def expires_in(g, id):
    found = next(k for k in g.admin("GET", "/admin/v1/accounts/tests/keys")["items"] if k["id"] == id)
    end = datetime.datetime.fromisoformat(found["expires_at"])
    return (end - datetime.datetime.now(datetime.UTC)).total_seconds()


ROWS = {
    ("POST", "/admin/v1/accounts"): Row(
        "/admin/v1/accounts", "accounts create {}", "accounts.create", name, lambda g: {"name": g.last}, 201,
        lambda g, made: g.admin("GET", f"/admin/v1/accounts/{made}")["name"] == made),
    ("GET", "/admin/v1/accounts"): Row("/admin/v1/accounts", "accounts list"),
    ("GET", "/admin/v1/accounts/{account}"): Row("/admin/v1/accounts/tests", "accounts show tests"),
    ("PATCH", "/admin/v1/accounts/{account}"): Row(
        "/admin/v1/accounts/{}", "accounts set {} --concurrent-tasks 7 --disabled yes", "accounts.change",
        lambda g: g.admin("POST", "/admin/v1/accounts", {"name": name(g)})["name"],
        {"concurrent_tasks": 7, "disabled": True},
        effect=lambda g, it: (a := g.admin("GET", f"/admin/v1/accounts/{it}"))["disabled"]
        and a["limits"]["concurrent_tasks"] == 7),
    ("POST", "/admin/v1/accounts/{account}/keys"): Row(
        "/admin/v1/accounts/tests/keys", "keys create --account tests", "keys.create", body={}, status=201),
    ("GET", "/admin/v1/accounts/{account}/keys"): Row("/admin/v1/accounts/tests/keys", "keys list --account tests"),
    ("POST", "/admin/v1/keys/{key}/revoke"): Row(
        "/admin/v1/keys/{}/revoke", "keys revoke {}", "keys.revoke", key, status=204, effect=revoked),
    ("POST", "/admin/v1/keys/{key}/rotate"): Row(
        "/admin/v1/keys/{}/rotate", "keys rotate {} --overlap 1h", "keys.rotate", key, {"overlap_seconds": 3600}, 201,
        lambda g, id: 3000 < expires_in(g, id) <= 3600),
    ("POST", "/admin/v1/accounts/{account}/credits"): Row(
        "/admin/v1/accounts/tests/credits", "credits grant --account tests 5 --reference {}", "credits.grant",
        lambda g: (setattr(g, "before", balance(g)), name(g))[1], lambda g: {"amount": 5, "reference": g.last}, 201,
        lambda g, _: balance(g) == g.before + 5),
    ("POST", "/admin/v1/accounts/{account}/adjust"): Row(
        "/admin/v1/accounts/tests/adjust", "credits adjust --account tests -5 --reason mistake", "credits.adjust",
        lambda g: (setattr(g, "before", balance(g)), "")[1], {"amount": -5, "reason": "mistake"}, 201,
        lambda g, _: balance(g) == g.before - 5),
    ("GET", "/admin/v1/accounts/{account}/wallet"): Row("/admin/v1/accounts/tests/wallet", "credits balance --account tests"),
    ("GET", "/admin/v1/accounts/{account}/ledger"): Row("/admin/v1/accounts/tests/ledger", "credits ledger --account tests"),
    ("GET", "/admin/v1/ledger/verify"): Row("/admin/v1/ledger/verify", "credits verify"),
    ("GET", "/admin/v1/tasks"): Row("/admin/v1/tasks?state=finished", "tasks list --state finished"),
    ("GET", "/admin/v1/tasks/{id}"): Row("/admin/v1/tasks/{}", "tasks show {}", make=lambda g: g.done),
    ("POST", "/admin/v1/tasks/{id}/cancel"): Row(
        "/admin/v1/tasks/{}/cancel", "tasks cancel {}", "tasks.cancel", slow, effect=lambda g, t: state(g, t) == "canceled"),
    ("POST", "/admin/v1/tasks/{id}/retry"): Row("/admin/v1/tasks/{}/retry", "tasks retry {}", "tasks.retry", unknown),
    ("POST", "/admin/v1/tasks/{id}/resolve"): Row(
        "/admin/v1/tasks/{}/resolve", "tasks resolve {} --action fail", "tasks.resolve", unknown, {"action": "fail"},
        # The same word as at its deadline: a customer's program branches on it.
        effect=lambda g, t: state(g, t) == "failed" and g.status(t)["error"]["code"] == "outcome_unknown"),
    ("GET", "/admin/v1/webhooks"): Row("/admin/v1/webhooks", "webhooks list"),
    ("POST", "/admin/v1/webhooks/replay"): Row(
        "/admin/v1/webhooks/replay", "webhooks replay --endpoint {}", "webhooks.replay", endpoint,
        lambda g: {"endpoint": g.last}),
    ("GET", "/admin/v1/providers"): Row("/admin/v1/providers", "providers list"),
    ("POST", "/admin/v1/providers/{provider}/disable"): Row(
        "/admin/v1/providers/runware/disable", "providers disable runware", "providers.disable",
        lambda g: (g.admin("POST", "/admin/v1/providers/runware/enable"), "runware")[1],
        effect=lambda g, p: not is_enabled(g, p)),
    ("POST", "/admin/v1/providers/{provider}/enable"): Row(
        "/admin/v1/providers/runware/enable", "providers enable runware", "providers.enable",
        lambda g: (g.admin("POST", "/admin/v1/providers/runware/disable"), "runware")[1], effect=is_enabled),
    ("POST", "/admin/v1/providers/{provider}/test"): Row(
        "/admin/v1/providers/sandbox/test", "providers test sandbox", "providers.test"),
    ("GET", "/admin/v1/stats"): Row("/admin/v1/stats", "stats"),
    ("GET", "/admin/v1/audit"): Row("/admin/v1/audit", "audit"),
    ("POST", "/admin/v1/backup"): Row(
        "/admin/v1/backup", "backup {}", "backup", lambda g: str(g.home / f"{name(g)}.db"), lambda g: {"path": g.last},
        effect=lambda g, path: open(path, "rb").read(15) == b"SQLite format 3" and open(path + ".files/master.key").read()),
    ("POST", "/admin/v1/reload"): Row("/admin/v1/reload", "reload", "reload"),
    # Only a restored gateway has something to release: test_operator_backup.py does that, by both ways.
    ("POST", "/admin/v1/release"): Row("/admin/v1/release", "release", status=409),
}  # fmt: skip


def test_every_admin_route_has_a_row(house):
    paths = house.get("/openapi.json").json()["paths"]
    routes = {(m.upper(), p.rstrip("/")) for p, item in paths.items() for m in item if p.startswith("/admin/")}
    assert len(routes) > 25
    assert routes == set(ROWS)


def audited(g: Gateway) -> list[dict]:
    return g.admin("GET", "/admin/v1/audit?limit=500")["items"]


@pytest.mark.parametrize("way", ["api", "cli"])
@pytest.mark.parametrize("route", ROWS, ids=lambda route: " ".join(route))
def test_an_act_by_api_and_by_command_line_leaves_its_row(house, route, way):
    if not hasattr(house, "done"):
        house.done = house.submit()
        house.finished(house.done)
    row = ROWS[route]
    house.last = row.make(house)
    before = audited(house)
    if way == "api":
        body = row.body(house) if callable(row.body) else row.body
        answer = house.request(route[0], row.path.format(house.last), key=house.admin_key, json=body)
        assert answer.status_code == row.status, answer.text
    else:
        run = house.cli(*row.words.format(house.last).split(), "--json", check=False)
        assert (run.returncode == 0) == (row.status < 300), run.stderr
        assert isinstance(json.loads(run.stdout), dict)
        # The table for people has no JSON in it.
        if route[0] == "GET":
            table = house.cli(*row.words.format(house.last).split()).stdout
            assert table.strip() and not table.startswith("{")
    assert row.effect(house, house.last)
    rows = audited(house)
    fresh = rows[: len(rows) - len(before)]
    if row.act is None:
        assert fresh == []
        return
    assert [entry["act"] for entry in fresh] == [row.act]
    assert fresh[0]["actor"].startswith("key:") if way == "api" else fresh[0]["actor"] == "control"
    assert fresh[0]["subject"]


def test_a_reload_by_signal_leaves_its_row_too(house):
    import signal
    import time

    def by_signal():
        return [e for e in audited(house) if (e["actor"], e["act"]) == ("signal", "reload")]

    before = len(by_signal())
    house.signal(signal.SIGHUP)
    end = time.monotonic() + 20
    while len(by_signal()) == before:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_tasks_are_found_by_account_and_time(house):
    other = house.admin("POST", "/admin/v1/accounts", {"name": name(house), "credits": 100})
    task = house.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri()}, key=other["key"]).json()["task_id"]

    def found(*words):
        return [t["task_id"] for t in json.loads(house.cli("tasks", "list", *words, "--json").stdout)["items"]]

    assert found("--account", other["name"]) == found("--account", other["account_id"]) == [task]
    assert task not in found("--account", "tests") and task in found()
    assert found("--since", "2099-01-01T00:00:00Z") == []


def test_a_replay_sends_what_its_span_holds(house):
    id = endpoint(house)
    house.finished(house.submit())

    def replayed(*words):
        return json.loads(house.cli("webhooks", "replay", "--endpoint", id, *words, "--json").stdout)["replayed"]

    assert replayed("--since", "2099-01-01T00:00:00Z") == 0
    assert replayed("--until", "2020-01-01T00:00:00Z") == 0
    assert replayed("--since", "2020-01-01T00:00:00Z") == 1


def test_enabling_what_the_file_enables_only_takes_back_an_operators_word(house):
    house.cli("providers", "disable", "empiriolabs")
    house.cli("reload")
    assert not is_enabled(house, "empiriolabs")
    house.cli("providers", "enable", "empiriolabs")
    assert is_enabled(house, "empiriolabs")
    # From here on the file counts again.
    house.config["providers"]["empiriolabs"]["enabled"] = False
    house.write_config()
    house.cli("reload")
    assert not is_enabled(house, "empiriolabs")
    house.config["providers"]["empiriolabs"]["enabled"] = True
    house.write_config()
    house.cli("reload")
    assert is_enabled(house, "empiriolabs")


def test_disabling_what_the_file_disables_only_takes_back_an_operators_word(house):
    def enabled_in_file(is_enabled: bool):
        house.config["providers"]["runware"]["enabled"] = is_enabled
        house.write_config()
        house.cli("reload")

    house.cli("providers", "enable", "runware")
    house.cli("reload")
    assert is_enabled(house, "runware")
    house.cli("providers", "disable", "runware")
    assert not is_enabled(house, "runware")
    enabled_in_file(True)
    assert is_enabled(house, "runware")
    enabled_in_file(False)
    assert not is_enabled(house, "runware")


def test_a_task_that_may_have_been_bought_is_found_and_decided(house):
    task = unknown(house)
    assert task in house.cli("tasks", "list", "--state", "unknown").stdout
    shown = house.admin("GET", f"/admin/v1/tasks/{task}")
    assert shown["attempts"][0]["provider"] == "empiriolabs"
    house.cli("tasks", "resolve", task, "--action", "resubmit")
    # The provider hangs up again, so a second attempt is unknown as well.
    while len(house.admin("GET", f"/admin/v1/tasks/{task}")["attempts"]) < 2:
        house.get(f"/v1/generation-request/{task}/status/?wait=1")
    again = house.cli("tasks", "resolve", task, "--action", "later", check=False)
    assert again.returncode == 1 and "resubmit" in again.stderr and "fail" in again.stderr


def test_a_list_of_keys_says_which_were_used():
    with Gateway() as g:
        spare = g.admin("POST", "/admin/v1/accounts/tests/keys", {"label": "spare"})["id"]
        assert g.get("/v1/wallet/").status_code == 200
        g.restart()
        used = {k["id"]: k["last_used_at"] for k in g.admin("GET", "/admin/v1/accounts/tests/keys")["items"]}
        assert used.pop(spare) is None
        assert used and all(used.values())
