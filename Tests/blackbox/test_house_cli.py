"""The command line, with a gateway running and without one."""

import json
import os
import re
import socket
import subprocess

import pytest

from gateway import Gateway, binary


def run(*words: str, **rest) -> subprocess.CompletedProcess:
    rest.setdefault("env", {k: v for k, v in os.environ.items() if not k.startswith("TRELLIS_")})
    return subprocess.run([str(binary()), *words], capture_output=True, text=True, timeout=30, **rest)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "usage: trellis-gateway COMMAND"),
        (["--help"], 0, "usage: trellis-gateway COMMAND"),
        (["version"], 0, "trellis-gateway "),
        (["acounts", "list"], 2, 'did you mean "accounts"?'),
        (["accounts"], 2, "accounts create, accounts list"),
        (["accounts", "lst"], 2, 'did you mean "list"?'),
        (["accounts", "create"], 2, "accounts create needs NAME"),
        (["accounts", "create", "a", "b"], 2, 'takes no "b"'),
        (["keys", "create"], 2, "needs --account NAME"),
        (["keys", "create", "--account", "a", "--scope", "root"], 2, "--scope must be user, read or admin"),
        (["keys", "create", "--account", "a", "--scope", "root"], 2, "see `trellis-gateway keys create --help`"),
        (["credits", "grant", "1", "--acount", "a"], 2, "did you mean --account?"),
        (["credits", "grant", "much", "--account", "a", "--reference", "r"], 2, "AMOUNT must be a whole number"),
        (["help", "limits.body_bytes"], 0, "TRELLIS_LIMITS_BODY_BYTES"),
        (["help", "body_bytes"], 0, "TRELLIS_LIMITS_BODY_BYTES"),
        (["help", "providers.fal.concurrency"], 0, "jobs at the same time"),
        (["help", "keys", "rotate"], 0, "usage: trellis-gateway keys rotate KEY_ID"),
        (["help", "limits.body_byte"], 2, "did you mean limits.body_bytes?"),
        (["help", "limit"], 2, "did you mean limits?"),
        (["help", "body_byte"], 2, "did you mean body_bytes?"),
        (["help", "keys", "rot"], 2, "did you mean keys rotate?"),
        (["help", "webhooks"], 0, "webhooks.schedule"),
        (["--json"], 2, "a command is missing before --json"),
        (["serve", "--config", "/nowhere.json5"], 1, "cannot read the configuration /nowhere.json5"),
    ],
)
def test_what_is_not_understood_is_explained(words, code, said):
    answer = run(*words)
    assert answer.returncode == code, answer
    assert said in answer.stdout + answer.stderr


def test_every_command_explains_itself():
    overview = run("--help").stdout
    commands = [line.split("  ")[1] for line in overview.splitlines() if line.startswith("  ") and line[2] != " "]
    assert len(commands) > 25
    for command in commands:
        answer = run(*command.split(), "--help")
        assert answer.returncode == 0 and f"usage: trellis-gateway {command}" in answer.stdout, command


def test_an_address_that_is_taken_is_named_with_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        answer = run("serve", "--listen", address, "--data", str(tmp_path / "data"))
    assert answer.returncode == 1
    assert f"cannot listen on {address}: Address already in use; end the other server" in answer.stderr


def test_check_lists_five_mistakes_with_their_lines(tmp_path):
    bad = tmp_path / "bad.json5"
    bad.write_text(
        '{\n listen: "nowhere",\n limits: { body_byte: 3, task_deadline: "soon" },\n'
        ' providers: { fal: { enabled: true } },\n routing: { strategy: "cheepest" },\n}\n'
    )
    answer = run("check", "--config", str(bad), env={})
    assert answer.returncode == 1
    lines = answer.stderr.splitlines()
    assert len(lines) == 6 and lines[-1] == "5 mistakes"
    for place in ("bad.json5:2:2: listen", "3:12: limits.body_byte", "3:26: limits.task_deadline", "5:13: routing.strategy"):
        assert any(place in line for line in lines), place
    assert any("providers.fal.api_key" in line and "FAL_KEY" in line for line in lines)
    mistakes = json.loads(run("check", "--config", str(bad), "--json", env={}).stdout)["mistakes"]
    assert len(mistakes) == 5


def test_check_opens_the_files_that_settings_name(tmp_path):
    for name in ("a", "b"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
             "-subj", "/CN=localhost", "-keyout", f"{name}.key", "-out", f"{name}.pem"],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip
    (tmp_path / "text").write_text("no certificate\n")

    def mistakes(certificate: str, key: str, bundle: str) -> list[str]:
        config = {"tls": {"certificate": certificate, "key": key}, "network": {"ca_bundle": bundle}}
        (tmp_path / "c.json5").write_text(json.dumps(config))
        return run("check", "--config", "c.json5", env={}, cwd=tmp_path).stderr.splitlines()

    assert "mistake" not in "".join(mistakes("a.pem", "a.key", "b.pem"))
    for files, said in [
        (("a.pem", "b.key", "b.pem"), "tls.key: b.key is the key of another certificate"),
        (("nowhere.pem", "a.key", "b.pem"), "tls.certificate: nowhere.pem: No such file or directory"),
        (("text", "a.key", "b.pem"), "tls.certificate: text holds no certificate in PEM"),
        (("a.pem", "a.pem", "b.pem"), "tls.key: a.pem holds no private key in PEM"),
        (("a.pem", "a.key", "nowhere.pem"), "network.ca_bundle: cannot read the file nowhere.pem"),
        (("a.pem", "a.key", "text"), "network.ca_bundle: text holds no certificates in PEM"),
    ]:
        found = mistakes(*files)
        assert len(found) == 2 and found[0].startswith("c.json5:1:") and found[0].endswith(said), found


def test_check_prints_what_is_in_force_and_no_secret(tmp_path):
    good = tmp_path / "good.json5"
    good.write_text("{ providers: { fal: { enabled: true } }, polling: { scale: 0.5 } }")
    environment = {"FAL_KEY": "k3y-of-many-letters", "TRELLIS_LIMITS_BODY_BYTES": "2048"}
    answer = run("check", "--config", str(good), "--changed", "--json", env=environment)
    assert answer.returncode == 0, answer.stderr
    assert "k3y-of-many-letters" not in answer.stdout + answer.stderr
    found = {s["key"]: (s["value"], s["origin"]) for s in json.loads(answer.stdout)["settings"]}
    assert found["polling.scale"] == ("0.5", f"{good}:1")
    assert found["limits.body_bytes"] == ("2048", "TRELLIS_LIMITS_BODY_BYTES")
    full = run("check", "--config", str(good), "--json", env=environment)
    assert "every setting is at its default" in run("check", "--changed", env={}, cwd=tmp_path).stdout
    assert '"providers.fal.api_key","value":"\\"***\\""' in full.stdout


@pytest.fixture(params=["running", "stopped"])
def house(request):
    with Gateway(account=None, env={"PIXAZO_API_KEY": "k3y-of-many-letters"}) as g:
        if request.param == "stopped":
            assert g.stop() == 0
        yield g


def test_accounts_keys_and_credits_with_and_without_a_gateway(house):
    made = json.loads(house.cli("accounts", "create", "shop", "--credits", "500", "--json").stdout)
    assert made.keys() >= {"account_id", "name", "key"} and made["name"] == "shop"
    key = json.loads(house.cli("keys", "create", "--account", "shop", "--scope", "read", "--json").stdout)
    assert key["key"].startswith("tgr_") and key["id"]
    assert house.cli("credits", "grant", "--account", "shop", "100", "--reference", "invoice-1").stderr == ""
    again = house.cli("credits", "grant", "--account", "shop", "100", "--reference", "invoice-1")
    assert "nothing was moved now" in again.stderr
    for name in ("two\nlines", "\u202eback"):
        assert "no line breaks" in house.cli("accounts", "create", name, check=False).stderr
    assert json.loads(house.cli("credits", "balance", "--account", "shop", "--json").stdout)["balance"] == 600
    house.cli("credits", "adjust", "--account", "shop", "-50", "--reason", "a mistake")
    verified = json.loads(house.cli("credits", "verify", "--json").stdout)
    assert verified["sums"] == {"issuer": -550, "wallets": 550, "escrow": 0, "revenue": 0}
    assert house.cli("credits", "verify", "--head", verified["head"]).returncode == 0
    assert house.cli("credits", "verify", "--head", "2:" + "0" * 64, check=False).returncode == 1
    assert "shop" in house.cli("accounts", "list").stdout
    rows = json.loads(house.cli("keys", "list", "--account", "shop", "--json").stdout)["items"]
    assert {row["scope"] for row in rows} == {"user", "read"}
    house.cli("keys", "revoke", key["id"])
    acts = json.loads(house.cli("audit", "--json").stdout)["items"]
    assert {"accounts.create", "keys.revoke"} <= {act["act"] for act in acts}
    for words, said in [
        (["credits", "balance", "--account", "nobody"], 'There is no account "nobody".'),
        (["tasks", "list", "--account", "nobody"], 'There is no account "nobody".'),
        (["accounts", "create", "shop"], "There is an account called shop already."),
        (["accounts", "set", "shop", "--providers", "fals"], 'There is no provider "fals" here.\nDid you mean fal?'),
        (["tasks", "list", "--provider", "fals"], 'There is no provider "fals" here.\nDid you mean fal?'),
        (["keys", "rotate", made["account_id"]], "No key with this id."),
        (["keys", "revoke", made["account_id"]], "No key with this id."),
        (["credits", "verify", "--head", "2-0"], 'head must be SEQUENCE:HASH, as a verification answers it; got "2-0".'),
        # Half a hash is a slip, and no tampering.
        (["credits", "verify", "--head", "1:00"], 'head must be SEQUENCE:HASH, as a verification answers it; got "1:00".'),
        (["providers", "disable", "fals"], 'There is no provider "fals".\nThere are 3daistudio, fal,'),
        (["webhooks", "replay", "--endpoint", "none"], "No endpoint with this id."),
    ]:
        wrong = house.cli(*words, check=False)
        assert wrong.returncode == 1 and wrong.stderr.startswith(said), wrong
        assert wrong.stderr.count(said.splitlines()[0]) == 1
    # A name that is taken may be the operator's own, whose first answer, with the key in it, was lost.
    taken = house.cli("accounts", "create", "shop", check=False).stderr
    assert "keys create --account" in taken
    # More accounts than a page has.
    house.cli("accounts", "create", "second")
    page = house.cli("accounts", "list", "--limit", "1").stdout
    cursor = page.splitlines()[0].split()[1]
    assert "shop" in page and "second" in house.cli("accounts", "list", "--limit", "1", "--cursor", cursor).stdout
    assert "endpoints:\nnone" in house.cli("webhooks", "list").stdout
    if house.process.poll() is None:
        refused = house.cli("providers", "enable", "fal", check=False)
        assert refused.returncode == 1 and "set FAL_KEY in the environment" in refused.stderr
    house.cli("providers", "disable", "fal")
    house.cli("providers", "enable", "pixazo")
    rows = json.loads(house.cli("providers", "list", "--json").stdout)["items"]
    assert {row["id"] for row in rows if row["enabled"]} >= {"pixazo"}
    assert re.search(r"^pixazo +yes .* 0\.35 ", house.cli("providers", "list").stdout, re.M)
    # What was made without a gateway is there when one runs.
    if house.process.poll() is not None:
        house.start()
    assert house.get("/v1/wallet/", key=made["key"]).json()["balance"] == 550
    assert house.get("/v1/wallet/", key=key["key"]).status_code == 401


@pytest.mark.parametrize(
    "words", [["credits", "verify"], ["accounts", "list"], ["backup", "b.db"], ["reload"], ["providers", "disable", "fal"]])
def test_a_mistyped_directory_is_not_taken_for_an_empty_gateway(tmp_path, words):
    answer = run(*words, "--data", str(tmp_path / "mistyped"), cwd=tmp_path)
    assert answer.returncode == 1 and f"no gateway's data in {tmp_path / 'mistyped'}" in answer.stderr
    assert not list(tmp_path.iterdir())


def test_a_backup_that_cannot_be_made_says_why(house):
    house.cli("accounts", "create", "shop")
    kept = str(house.home / "copy.db")
    house.cli("backup", kept)
    (house.home / "plain").touch()
    for path, why in [
        (kept, f"There is {kept} already."),
        ("/nowhere/copy.db", "Nothing can be written to /nowhere: No such file or directory."),
        (str(house.home / "plain/copy.db"), "Not a directory"),
    ]:
        answer = house.cli("backup", path, check=False)
        assert answer.returncode == 1 and why in answer.stderr, answer
        assert "our side" not in answer.stderr
    assert house.cli("credits", "verify").returncode == 0


def test_a_restore_that_fails_leaves_nothing_behind(tmp_path):
    assert run("accounts", "create", "shop", "--data", str(tmp_path / "data")).returncode == 0
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database")
    (tmp_path / "empty").touch()
    before = {p.name for p in (tmp_path / "data").iterdir()}
    for wrong in ("folder", "text", "empty", "nowhere"):
        answer = run("restore", str(tmp_path / wrong), "--data", str(tmp_path / "data"))
        # It is that file which is wrong, and not the database in place.
        assert answer.returncode == 1 and str(tmp_path / wrong) in answer.stderr, answer
        assert "the database is damaged" not in answer.stderr
        assert {p.name for p in (tmp_path / "data").iterdir()} == before


def test_commands_need_none_of_the_providers_keys():
    with Gateway({"providers": {"fal": {"enabled": True}}}, env={"FAL_KEY": "a-key-of-many-letters"}) as g:
        # The operator's shell, which has nothing of the service's environment.
        g.env = {}
        for words in (["accounts", "list"], ["health"], ["providers", "list"], ["reload"]):
            assert g.cli(*words).returncode == 0
        assert "key-of-many" not in g.cli("providers", "list", "--json").stdout
        assert run("check", "--config", str(g.config_path)).returncode == 1
        g.stop()
        assert "tests" in g.cli("accounts", "list").stdout
        assert "fal has no key" in g.cli("providers", "test", "fal", check=False).stderr
        # To run without its key would be another matter.
        assert run("serve", "--config", str(g.config_path)).returncode == 1


def test_what_needs_a_gateway_says_so(house):
    house.cli("accounts", "create", "shop")
    answer = house.cli("reload", check=False)
    if house.process.poll() is None:
        assert answer.returncode == 0 and "Nothing changed." in answer.stdout
    else:
        assert answer.returncode == 1 and "of a gateway that runs" in answer.stderr


def test_nothing_that_a_terminal_obeys_reaches_it(gateway):
    reason = "odd\x1b[2J\u202e\u009b31m"
    gateway.admin("POST", "/admin/v1/accounts/tests/adjust", {"amount": 1, "reason": reason})
    table = gateway.cli("credits", "ledger", "--account", "tests").stdout
    assert not set(table) & set("\x1b\u202e\u009b") and r"odd\u{1B}[2J" in table
    missing = gateway.cli("accounts", "show", "\x1b[2J", check=False).stderr
    assert missing.startswith("There is no account") and "\x1b" not in missing
    # For programs it is what it is.
    ledger = json.loads(gateway.cli("credits", "ledger", "--account", "tests", "--json").stdout)["items"]
    assert reason in [posting["reference"] for posting in ledger]


def test_statistics_are_in_dollars_for_people(gateway):
    gateway.finished(gateway.submit())
    lines = gateway.cli("stats").stdout.splitlines()
    row = dict(zip(lines[0].split(), lines[1].split(), strict=True))
    assert (row["REVENUE_DOLLARS"], row["COST_DOLLARS"], row["MARGIN_DOLLARS"]) == ("0.20", "0.00", "0.20")


def test_a_ledger_that_was_changed_is_found(gateway):
    import sqlite3

    gateway.finished(gateway.submit())
    gateway.stop()
    with sqlite3.connect(gateway.data / "gateway.db") as database:
        triggers = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for trigger in triggers:
            database.execute(f"DROP TRIGGER {trigger}")
        table = next(
            name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'") if "posting" in name
        )
        database.execute(f"UPDATE {table} SET amount = amount + 1 WHERE rowid = 2")
    answer = gateway.cli("credits", "verify", check=False)
    assert answer.returncode == 1
    assert "does not verify" in answer.stderr


def test_health_tells_whether_it_runs(gateway):
    assert gateway.cli("health").returncode == 0
    gateway.stop()
    answer = gateway.cli("health", check=False)
    assert answer.returncode == 1 and "no gateway runs" in answer.stderr


def test_a_backup_is_restored_and_waits_to_be_released(gateway):
    gateway.finished(gateway.submit())
    copy = gateway.home / "copy.db"
    gateway.cli("backup", str(copy))
    assert gateway.cli("backup", str(copy), check=False).returncode == 1
    gateway.admin("POST", "/admin/v1/accounts", {"name": "after"})
    assert gateway.cli("restore", str(copy), check=False).returncode == 1
    gateway.stop()
    gateway.cli("restore", str(copy))
    assert list(gateway.data.glob("gateway.db.before-restore-*"))
    gateway.start()
    names = [account["name"] for account in gateway.admin("GET", "/admin/v1/accounts")["items"]]
    assert names == ["tests"]
    assert gateway.get("/readyz").status_code == 503
    gateway.cli("release")
    assert gateway.get("/readyz").status_code == 200
    assert gateway.finished(gateway.submit())["status"] == "FINISHED"


def test_migrate_says_what_it_would_do(tmp_path):
    would = run("migrate", "--dry-run", "--data", str(tmp_path / "new"))
    assert would.returncode == 0 and would.stdout.startswith("would apply 1 ")
    assert not (tmp_path / "new").exists()
    did = run("migrate", "--data", str(tmp_path / "new"))
    assert did.stdout == would.stdout.replace("would apply", "applied")
    assert run("migrate", "--data", str(tmp_path / "new")).stdout == "the database is up to date\n"
