"""Where a tenant's webhook may not lead, however it is spelled, resolved or timed."""

from __future__ import annotations

import pathlib
import ssl
import statistics
import subprocess

import pytest

from authority import Authority
from gateway import Gateway, closed_port, free_port
from webhook_receiver import ENDPOINTS, Receiver, attempts, deliveries, endpoint, first_attempt, remove, submit, until

# Of this machine's own network one address is allowed; receivers at the others see who comes in vain.
ALLOWED, DENIED = "127.0.0.2", "127.0.0.3"
QUICK = {"providers": {"sandbox": {"duration": 0.05}}, "webhooks": {"schedule": [0, 0.2], "timeout": 5}}


class Names:
    """What names lead to, for a gateway that runs with `env`."""

    def __init__(self, directory: pathlib.Path):
        library = directory / "resolver_shim.so"
        source = pathlib.Path(__file__).with_name("resolver_shim.c")
        subprocess.run(["clang", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True)
        self.path = directory / "names"
        self.known: dict[str, list[str]] = {}
        self.write()
        self.env = {"LD_PRELOAD": str(library), "RESOLVER_SHIM": str(self.path)}

    def write(self) -> None:
        lines = [" ".join([name, *addresses]) for name, addresses in self.known.items()]
        draft = self.path.with_suffix(".new")
        draft.write_text("\n".join(lines) + "\n")
        draft.replace(self.path)

    def lead(self, name: str, *addresses: str) -> None:
        self.known[name] = list(addresses)
        self.write()


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return Names(tmp_path_factory.mktemp("names"))


@pytest.fixture(scope="module")
def gateway(names):
    config = QUICK | {"network": {"allow": [f"{ALLOWED}/32"], "http": True}}
    with Gateway(config=config, env=names.env, log_level="info") as running:
        yield running


@pytest.fixture
def allowed():
    with Receiver(ALLOWED, free_port()) as receiver:
        yield receiver


@pytest.fixture
def denied(allowed):
    """At the same port as `allowed`, on an address that is not."""
    with Receiver(DENIED, allowed.port) as receiver:
        yield receiver


@pytest.fixture
def closed():
    with closed_port(DENIED) as port:
        yield port


def blocked(gateway: Gateway, made: dict) -> dict:
    tried = first_attempt(gateway, made)
    assert (tried["error"], tried["status"], tried["outcome"]) == ("blocked_address", None, "failed")
    return tried


def refused(gateway: Gateway, **fields) -> dict:
    answer = gateway.post(ENDPOINTS, json=fields)
    assert answer.status_code == 400, (fields, answer.text)
    return answer.json()["error"]


SPELLINGS = [
    "127.0.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "0", "127.0.0.%31", "[::1]",
    "[::ffff:127.0.0.1]", "[::127.0.0.1]", "localhost", "①②⑦.⓪.⓪.①",
]  # fmt: skip
INNER = [
    "169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "10.0.0.1", "172.16.0.1", "192.168.1.1", "0.0.0.0",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "[::]", "[fe80::1]",
    "[fc00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS + INNER)
def test_fault_17_an_inner_address_in_any_spelling_is_refused_at_once(gateway, host):
    assert refused(gateway, url=f"http://{host}:8080/hook")["param"] == "url"
    answer = gateway.post("/v1/3d-models/trellis2/generate/", json={"image": "x", "webhook_url": f"http://{host}/hook"})
    assert "webhook_url" in {one["param"] for one in answer.json()["error"]["details"]}


@pytest.mark.parametrize("host", ["inside.test", "INSIDE.test", "inside.test."])
def test_fault_18_a_name_that_leads_inside_is_blocked_when_it_is_connected_to(gateway, names, denied, host):
    names.lead(host, DENIED)
    names.lead(host.lower().rstrip("."), DENIED)
    made = endpoint(gateway, f"http://{host}:{denied.port}/hook")
    submit(gateway)
    blocked(gateway, made)
    assert denied.connections == 0
    remove(gateway, made)


def test_fault_19_a_name_that_leads_inside_the_second_time_is_blocked_then(names, allowed, denied):
    """The gateway knows a name for a minute. A new process knows none, which is the same, sooner."""
    config = QUICK | {"network": {"allow": [f"{ALLOWED}/32"], "http": True}}
    with Gateway(config=config, env=names.env, log_level="info") as gateway:
        names.lead("rebinding.test", ALLOWED)
        made = endpoint(gateway, f"http://rebinding.test:{allowed.port}/hook", events=["task.finished"])
        submit(gateway)
        allowed.wait(1)
        names.lead("rebinding.test", DENIED)
        gateway.restart()
        submit(gateway)
        until(lambda: any(d["last_error"] == "blocked_address" for d in deliveries(gateway, made)))
        assert len(allowed.got) == 1 and denied.connections == 0


def test_fault_20_of_a_name_with_both_only_the_outer_address_is_contacted(gateway, names, allowed, denied):
    for name, order in (("both-a.test", (DENIED, ALLOWED)), ("both-b.test", (ALLOWED, DENIED))):
        names.lead(name, *order)
        made = endpoint(gateway, f"http://{name}:{allowed.port}/hook", events=["task.finished"])
        seen = len(allowed.got)
        submit(gateway)
        allowed.wait(seen + 1)
        remove(gateway, made)
    assert denied.connections == 0


RANGES = {
    "IPv4-mapped": "::ffff:127.0.0.3", "IPv4-compatible": "::127.0.0.3", "6to4": "2002:7f00:3::1",
    "NAT64": "64:ff9b::7f00:3", "Teredo": "2001:0:7f00:3::1", "unique-local": "fd00::3", "link-local": "fe80::3",
    "loopback": "::1", "unspecified": "::", "documentation": "2001:db8::3", "multicast": "ff02::1",
    "IPv4 private": "10.0.0.3", "IPv4 shared": "100.64.0.3", "IPv4 link-local": "169.254.169.254",
    "IPv4 benchmark": "198.18.0.3", "IPv4 reserved": "240.0.0.3", "IPv4 unspecified": "0.0.0.0",
}  # fmt: skip


def test_fault_21_every_inner_range_is_blocked_behind_a_name(gateway, names):
    port = free_port()
    with Receiver("127.0.0.3", port) as denied, Receiver("127.0.0.1", port) as loopback:
        made = {}
        for number, (kind, address) in enumerate(RANGES.items()):
            names.lead(f"range{number}.test", address)
            made[kind] = endpoint(gateway, f"http://range{number}.test:{denied.port}/hook", events=["task.finished"])
        submit(gateway)
        for one in made.values():
            blocked(gateway, one)
        assert denied.connections == loopback.connections == 0
        remove(gateway, *made.values())


def test_fault_22_proxies_in_the_environment_are_not_asked():
    with Receiver() as proxy, Receiver() as receiver:
        address = f"http://127.0.0.1:{proxy.port}"
        words = ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")
        env = {word: address for word in words} | {"no_proxy": "", "NO_PROXY": ""}
        with Gateway(config=QUICK, env=env, log_level="info") as gateway:
            endpoint(gateway, receiver.url, events=["task.finished"])
            submit(gateway)
            receiver.wait(1)
        assert proxy.connections == 0


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://example.com/", "ftp://example.com/x", "https://user:pass@example.com/", "javascript:0"]
    + ["//example.com/x", "https:///x", "https://example.com:25/", "https://example.com:99999/", "example.com"],
)
def test_fault_23_what_is_no_plain_web_address_is_refused(gateway, url):
    assert refused(gateway, url=url)["param"] == "url"


@pytest.mark.parametrize(
    "url",
    ["http://example.com/\r\nX: y", "http://example.com/a b", "http://exa\0mple.com/", "http://example.com/\x7f"]
    + ["http://example.com/%0d%0aInjected:%20yes", "http://example.com/%0Ax"],
)
def test_fault_13_a_line_break_in_an_address_is_refused(gateway, url):
    assert refused(gateway, url=url)["param"] == "url"


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "a\r\nB: c"}, {"X-A": "a\nB: c"}, {"X-A": "a\0b"}, {"X\r\nB": "c"}, {"X A": "b"}, {"X:": "b"}, {"": "b"}],
)
def test_fault_13_a_line_break_in_a_header_is_refused(gateway, allowed, headers):
    assert refused(gateway, url=allowed.url, headers=headers)["param"] == "headers"


def test_fault_13_what_is_escaped_in_an_address_stays_escaped_on_the_wire(gateway, allowed):
    paths = []
    allowed.writes = lambda handler: paths.append(handler.requestline) or handler.wfile.write(
        b"HTTP/1.1 204 No Content\r\n\r\n"
    )
    made = endpoint(gateway, f"{allowed.url}%20a%2fb?c=%26", events=["task.finished"], headers={"X-Mine": "ä ok"})
    submit(gateway)
    headers, _ = allowed.wait(1)[0]
    assert "x-mine" in headers
    assert until(lambda: paths) == ["POST /hook%20a%2fb?c=%26 HTTP/1.1"]
    remove(gateway, made)


FORGED = ["webhook-signature", "Webhook-Id", "WEBHOOK-TIMESTAMP", "webhook-anything", "Host", "Content-Length"]


@pytest.mark.parametrize("name", FORGED + ["Transfer-Encoding", "Connection", "Content-Type", "Expect"])
def test_fault_14_a_header_that_the_gateway_answers_for_is_refused(gateway, allowed, name):
    assert refused(gateway, url=allowed.url, headers={name: "x"})["param"] == "headers"


def test_fault_24_a_kept_connection_is_judged_anew_after_the_policy_changed(names, allowed):
    config = QUICK | {"network": {"allow": [f"{ALLOWED}/32"], "http": True}}
    with Gateway(config=config, env=names.env, log_level="info") as gateway:
        names.lead("kept.test", ALLOWED)
        made = endpoint(gateway, f"http://kept.test:{allowed.port}/hook", events=["task.finished"])
        for count in (1, 2):
            gateway.finished(submit(gateway))
            allowed.wait(count)
        assert allowed.connections == 1, "the second came on the first one's connection"
        gateway.config = config | {"network": {"allow": [f"{ALLOWED}/32"], "deny": [f"{ALLOWED}/32"], "http": True}}
        gateway.write_config()
        answer = gateway.cli("reload", "--json")
        assert answer.returncode == 0, answer.stderr
        submit(gateway)
        until(lambda: any(d["last_error"] == "blocked_address" for d in deliveries(gateway, made)))
        assert len(allowed.got) == 2 and allowed.connections == 1


def test_fault_25_a_webhook_at_our_own_door_is_refused_even_in_an_allowed_range(names):
    with Gateway(config=QUICK, env=names.env, log_level="info") as gateway:
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "2130706433"):
            assert refused(gateway, url=f"http://{host}:{gateway.port}/v1/wallet/")["param"] == "url"
        names.lead("ourselves.test", "127.0.0.1")
        served = f"http://ourselves.test:{gateway.port}/hook"
        made = endpoint(gateway, served, events=["task.finished"])
        submit(gateway)
        blocked(gateway, made)
        task = submit(gateway, webhook_url=served)
        assert gateway.finished(task)["status"] == "FINISHED"


def test_fault_26_attempts_tell_nothing_of_what_listens_inside(gateway, names, denied, closed):
    """An open port, a closed one, and one behind which packets vanish: one word, and the same time."""
    places = {"open": (DENIED, denied.port), "closed": (DENIED, closed), "filtered": ("10.255.255.1", 81)}
    made = {}
    for kind, (address, port) in places.items():
        names.lead(f"{kind}.test", address)
        made[kind] = endpoint(gateway, f"http://{kind}.test:{port}/hook", events=["task.finished"])
    for _ in range(5):
        submit(gateway)
    told, took = {}, {}
    for kind, one in made.items():
        until(lambda: [d["attempts"] for d in deliveries(gateway, one)] == [2] * 5)
        story = [tried for d in deliveries(gateway, one) for tried in attempts(gateway, d)]
        told[kind] = {(tried["status"], tried["error"], tried["response"]) for tried in story}
        took[kind] = statistics.median(tried["milliseconds"] for tried in story)
    assert told["open"] == told["closed"] == told["filtered"] == {(None, "blocked_address", None)}
    assert max(took.values()) - min(took.values()) <= 50, took
    assert denied.connections == 0
    # A ping says no more than that either.
    for one in made.values():
        answer = gateway.post(f"{ENDPOINTS}{one['id']}/test/").json()
        assert answer["error"] == "blocked_address" and DENIED not in str(answer) and "10.255" not in str(answer)
    remove(gateway, *made.values())


def context(certificate: str, key: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made


def test_fault_12_a_certificate_that_proves_nothing_gets_no_request(tmp_path):
    """Self-signed, of another name, expired, and plain words where TLS was expected; a good one is delivered to."""
    authority = Authority(tmp_path)

    config = QUICK | {"network": {"allow": ["127.0.0.0/8"], "http": True, "ca_bundle": authority.ca}}
    bad = {
        "self-signed": context(*authority.certify("self", by_itself=True)),
        "another name": context(*authority.certify("other", address="127.0.0.9")),
        "expired": context(*authority.certify("past", expired=True)),
    }
    good = context(authority.certificate, authority.key)
    with Gateway(config=config, log_level="info") as gateway, Receiver(tls=good) as receiver, Receiver() as plain:
        crowd = {kind: Receiver(tls=tls) for kind, tls in bad.items()}
        made = {kind: endpoint(gateway, one.url, events=["task.finished"]) for kind, one in crowd.items()}
        made["plain"] = endpoint(gateway, plain.url.replace("http:", "https:"), events=["task.finished"])
        endpoint(gateway, receiver.url, events=["task.finished"])
        submit(gateway)
        receiver.wait(1)
        for kind, one in made.items():
            assert first_attempt(gateway, one)["error"] == "tls_error", kind
        for kind, one in crowd.items():
            assert one.got == [], kind
            one.close()
        assert plain.got == []
