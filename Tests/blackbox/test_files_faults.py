"""Faults of what providers and customers make the gateway fetch: addresses that lead inside, and files that are none."""

import threading
import time

import pytest

from file_host import FileHost, build_shim, small_glb
from gateway import data_uri, png
from work_house import PROVIDERS, Simulator, attempts, money_is_right, work_gateway

# All of the malformed answers are tried before the first is judged, and whoever comes first waits for that.
pytestmark = pytest.mark.timeout(600)

# What the gateway may hold more than at rest while somebody sends without end.
# One answer of 16 MiB is let in before it is too much, and is held twice while it is read.
FLAT_BYTES = 96 << 20
PLAIN = {"image": data_uri(), "textures": True}


class Inside:
    """A simulator and a host of files on 127.0.0.1, which is allowed; and a service at 127.0.0.2, which is not."""

    def __enter__(self):
        self.sim, self.host, self.trap = Simulator().__enter__(), FileHost().__enter__(), FileHost("127.0.0.2").__enter__()
        self.trap.files = {p: small_glb() for p in ("/secret.glb",)} | {"/secret.png": png()}
        self.sim.settings(requests_per_minute={"3daistudio": 100_000, "empiriolabs": 100_000})
        shim = {"LD_PRELOAD": build_shim(), "SHIM_NAME": "rebound.example", "SHIM_ADDRESS": "127.0.0.2"}
        rules = {"network": {"allow": ["127.0.0.1/32"], "http": True}}
        everybody = {name: self.sim for name in PROVIDERS}
        slow = {"providers": {"3daistudio": {"requests_per_minute": None}}}
        self.store = work_gateway(everybody, rules | slow, env=shim).__enter__()
        self.inline = work_gateway(
            {"fal": self.sim, "pixazo": self.sim}, rules | {"inputs": {"inline": True}}, env=shim
        ).__enter__()
        return self

    def __exit__(self, *error):
        for part in (self.store, self.inline, self.sim, self.host, self.trap):
            part.__exit__(*error)

    def by_name(self, path: str) -> str:
        return f"http://rebound.example:{self.trap.port}{path}"


@pytest.fixture(scope="module")
def house():
    with Inside() as inside:
        yield inside


@pytest.fixture(autouse=True)
def nothing_planned(request):
    if "house" in request.fixturenames:
        request.getfixturevalue("house").sim.clear()


@pytest.mark.parametrize("field", ["image_url", "image", "upload_url", "webhook_url"])
@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.2/x", "http://169.254.169.254/latest/meta-data/", "http://2130706434/x", "http://[::1]/x", "http://10.0.0.1/"],
)
def test_fault_27_an_address_inside_is_refused_before_money_moves(house, field, address):
    before = house.store.get("/v1/wallet/").json()
    body = ({} if field.startswith("image") else {"image": data_uri()}) | {field: address}
    answer = house.store.post("/v1/3d-models/trellis2/generate/", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "validation_failed"
    assert [d["param"] for d in error["details"]] == [field]
    assert house.store.get("/v1/wallet/").json() == before


def test_fault_27_a_name_that_leads_inside_is_blocked_when_it_is_fetched(house):
    before = house.trap.connections
    task = house.inline.submit({"image_url": house.by_name("/secret.png"), "provider": "fal"})
    status = house.inline.finished(task)
    assert status["status"] == "FAILED", status
    assert status["error"]["code"] == "image_unreachable"
    assert "127.0.0.2" not in str(status), "the answer tells nothing of what is inside"
    assert house.trap.connections == before
    money_is_right(house.inline)
    assert house.inline.get("/v1/wallet/").json()["balance"] == 1_000_000


@pytest.mark.parametrize("provider", PROVIDERS)
def test_fault_27_a_result_that_redirects_inside_fails_and_is_refunded(house, provider):
    before = house.trap.connections
    house.sim.fault(
        provider=provider, route="asset", status=302, times=None, headers={"Location": house.trap.url + "/secret.glb"}
    )
    balance = house.store.get("/v1/wallet/").json()["balance"]
    body = {"image_url": "https://example.com/chair.png", "provider": provider, "textures": True}
    status = house.store.finished(house.store.submit(body))
    assert status["status"] == "FAILED", status
    assert house.trap.connections == before
    assert house.store.get("/v1/wallet/").json()["balance"] == balance


@pytest.mark.parametrize("way", ["literal", "name"])
def test_fault_27_a_result_address_inside_fails_and_is_refunded(house, way):
    before = house.trap.connections
    url = house.trap.url + "/secret.glb" if way == "literal" else house.by_name("/secret.glb")
    house.sim.fault(provider="fal", route="result", body=f'{{"model_glb":{{"url":"{url}"}}}}', times=None)
    balance = house.store.get("/v1/wallet/").json()["balance"]
    status = house.store.finished(house.store.submit(PLAIN | {"provider": "fal"}))
    assert status["status"] == "FAILED", status
    assert "127.0.0.2" not in str(status["error"])
    assert house.trap.connections == before
    assert house.store.get("/v1/wallet/").json()["balance"] == balance


def test_fault_27_an_upload_address_that_leads_inside_gets_nothing(house):
    before = house.trap.connections
    house.host.redirects["/hop"] = house.trap.url + "/put"
    for url in (house.by_name("/put"), house.host.url + "/hop"):
        status = house.store.finished(house.store.submit(PLAIN | {"provider": "fal", "upload_url": url}))
        assert status["status"] == "FINISHED", "the model is made and paid for all the same"
        assert status["upload"].startswith("failed"), status
        assert "127.0.0.2" not in status["upload"]
    assert house.trap.connections == before


# Fault 62. Per provider: which call goes wrong, and how, for as long as the task lives. Nobody else may take over, so each
# must end in a refund, unless the job whose answer was lost is found by other means.
GARBAGE = [
    ("submit", {"mutate": "garbage"}), ("submit", {"mutate": "wrong_types"}), ("submit", {"mutate": "deep"}),
    ("submit", {"mutate": "huge"}), ("submit", {"mutate": "endless"}), ("submit", {"mutate": "html"}),
    ("submit", {"mutate": "null"}), ("submit", {"mutate": "list"}), ("submit", {"mutate": "empty"}),
    ("look", {"mutate": "garbage"}), ("look", {"mutate": "wrong_types"}), ("look", {"mutate": "deep"}),
    ("look", {"mutate": "huge"}), ("look", {"mutate": "endless"}), ("look", {"mutate": "null"}),
    ("asset", {"mutate": "garbage"}), ("asset", {"mutate": "huge"}), ("asset", {"mutate": "endless"}),
    ("asset", {"mutate": "html"}), ("asset", {"mutate": "empty"}), ("asset", {"mutate": "truncated"}),
    ("asset", {"body": "glTF", "content_type": "model/gltf-binary"}),
]  # fmt: skip


class Malformed:
    """One provider's simulator and gateway, and what came of each of GARBAGE."""

    def __init__(self, provider: str):
        self.provider = provider
        self.outcomes: dict[int, dict] = {}
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        try:
            with Simulator() as sim:
                sim.settings(requests_per_minute={self.provider: 100_000})
                config = {
                    "providers": {self.provider: {"requests_per_minute": None, "timeout": 2}},
                    "assets": {"model_bytes": 4 << 20},
                    # The breaker would spare the provider what this is about.
                    "routing": {"breaker": {"failures_in_a_row": 1000, "minimum_answers": 1000}},
                }
                with work_gateway({self.provider: sim}, config) as gateway:
                    self.settle(gateway, sim)
        except BaseException as error:  # noqa: BLE001 - told by the test that waits for it
            self.failure = error

    def settle(self, gateway, sim) -> None:
        body = {"image_url": "https://example.com/chair.png", "provider": self.provider, "textures": True}
        assert gateway.finished(gateway.submit(body))["status"] == "FINISHED"
        at_rest = gateway.memory_bytes()
        for number, (route, fault) in enumerate(GARBAGE):
            sim.clear()
            sim.fault(provider=self.provider, route=route, times=None, **fault)
            bought = sim.count(self.provider, "bought")
            balance = gateway.get("/v1/wallet/").json()["balance"]
            task = gateway.submit(body | {"cancel_after": 8 if route == "asset" else 1})
            most, end = 0, time.monotonic() + 40
            while (status := gateway.status(task))["status"] not in ("FINISHED", "FAILED"):
                most = max(most, gateway.memory_bytes())
                assert time.monotonic() < end, f"{route} {fault}: {status}"
                time.sleep(0.02)
            self.outcomes[number] = {
                "status": status, "bought": sim.count(self.provider, "bought") - bought,
                "cost": balance - gateway.get("/v1/wallet/").json()["balance"], "memory": most - at_rest,
                "attempts": len(attempts(gateway, task)),
            }  # fmt: skip
        sim.clear()
        assert gateway.finished(gateway.submit(body))["status"] == "FINISHED", "it works as if nothing had been"
        money_is_right(gateway)


@pytest.fixture(scope="module")
def malformed():
    houses = {provider: Malformed(provider) for provider in PROVIDERS}
    for one in houses.values():
        one.thread.start()
    for one in houses.values():
        one.thread.join()
    return houses


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("number", range(len(GARBAGE)), ids=[f"{r} {'-'.join(map(str, f.values()))}" for r, f in GARBAGE])
def test_fault_62_a_malformed_upstream_costs_nothing_and_hurts_nobody(malformed, provider, number):
    house = malformed[provider]
    if number not in house.outcomes:
        raise house.failure or AssertionError("the case was not tried")
    outcome = house.outcomes[number]
    assert outcome["bought"] <= 1, "bought once at most"
    if GARBAGE[number][0] == "submit" and provider in ("fal", "runware") and outcome["cost"]:
        assert (outcome["status"]["status"], outcome["bought"], outcome["cost"]) == ("FINISHED", 1, 30), outcome
    else:
        assert (outcome["status"]["status"], outcome["cost"]) == ("FAILED", 0), outcome
    assert outcome["memory"] < FLAT_BYTES, f"{outcome['memory'] >> 20} MiB more than at rest"


def test_fault_62_the_gateways_end_well(malformed):
    for house in malformed.values():
        assert house.failure is None, f"{house.provider}: {house.failure!r}"
