"""Every parameter that a provider supports, from a customer's request to what arrives at the provider.

Which ones those are the gateway itself says (`GET /v1/providers`), so none can be forgotten. What must come of them is
written down here a second time, from the providers' own pages and apart from the gateway's tables: name, type, range. The
simulator is strict on top of that, and tells what it received.
"""

from __future__ import annotations

import json
import re
import struct
import uuid

import pytest

from gateway import data_uri, free_port, png
from work_house import PROVIDERS, Simulator, attempts, money_is_right, work_gateway

PICTURE = "https://example.com/chair.png"
KEEP = 3600
# A job of 40 seconds takes an eighth of one.
SCALE = 0.003

# Ours, theirs, how it is written there, what it takes. `?value`: sent only when it differs from that, which is also the
# provider's default: the field is newer than the provider's page.
STAGES = ("ss", "shape_slat", "tex_slat")
FAL_LIKE = """
    resolution         resolution         integer  512 1024 1536
    decimation_target  decimation_target  integer  5000..2000000
    texture_size       texture_size       integer  1024 2048 4096
    remesh             remesh             flag
"""
MATRIX = {
    "3daistudio": """
        resolution          resolution          text     512 1024 1536
        steps               steps               integer  1..50
        decimation_target   decimation_target   integer  1000..16000000
        textures            textures            flag
        texture_size        texture_size        integer  1024 2048 4096
        seed                seed                integer  0..2147483647
        generate_thumbnail  generate_thumbnail  flag
    """,
    "pixazo": FAL_LIKE
    + "\n".join(
        f"""
        {s}_sampling_steps     {s}_sampling_steps     integer  1..50
        {s}_guidance_strength  {s}_guidance_strength  number   0..10
        {s}_rescale_t          {s}_rescale_t          whole    1..6
    """
        for s in STAGES
    )
    + """
        ss_guidance_rescale          ss_guidance_rescale          number  0..1
        shape_slat_guidance_rescale  shape_slat_guidance_rescale  number  0..1
        remesh_band                  remesh_band                  whole   0..4
    """,
    "empiriolabs": """
        resolution                     resolution                     text     512 1024 1536
        pipeline_type                  pipeline_type                  text     512 1024_cascade 1536_cascade
        max_num_tokens                 max_num_tokens                 integer  1024..131072
        preprocess_image               preprocess_image               flag
        seed                           seed                           integer  0..2147483647
        decimation_target              decimation_target              integer  10000..1000000
        texture_size                   texture_size                   text     1024 2048 4096
        remesh                         remesh                         flag
        remesh_band                    remesh_band                    number   0..5
        remesh_project                 remesh_project                 number   0..1
        uv_unwrap_angle_threshold_deg  uv_unwrap_angle_threshold_deg  number   1..180
        uv_unwrap_refine_iterations    uv_unwrap_refine_iterations    integer  0..10
        uv_unwrap_global_iterations    uv_unwrap_global_iterations    integer  0..10
        uv_unwrap_smooth_strength      uv_unwrap_smooth_strength      number   0..10
    """
    + "\n".join(
        f"""
        {s}_sampling_steps           {s}_sampling_steps           integer  1..64
        {s}_guidance_strength        {s}_guidance_strength        number   0..20
        {s}_guidance_rescale         {s}_guidance_rescale         number   0..2
        {s}_rescale_t                {s}_rescale_t                number   0..20
        {s}_guidance_interval_start  {s}_guidance_interval_start  number   0..1
        {s}_guidance_interval_end    {s}_guidance_interval_end    number   0..1
    """
        for s in STAGES
    ),
    "runware": """
        resolution         settings.resolution       integer  512 1024 1536
        seed               seed                      integer  0..2147483647
        decimation_target  settings.decimationTarget integer  100000..1000000
        texture_size       settings.textureSize      integer  1024 2048 4096
        remesh             settings.remesh           flag
    """
    + "\n".join(
        f"""
        {s}_sampling_steps     settings.{theirs}.steps             integer  1..50
        {s}_guidance_strength  settings.{theirs}.guidanceStrength  number   1..10
        {s}_guidance_rescale   settings.{theirs}.guidanceRescale   number   0..1
        {s}_rescale_t          settings.{theirs}.rescaleT          number   1..6
    """
        for s, theirs in zip(STAGES, ("sparseStructure", "shapeSlat", "texSlat"))
    ),
    "fal": FAL_LIKE
    + """
        seed                           seed                           integer  0..2147483647
        remesh_band                    remesh_band                    number   0..4
        remesh_project                 remesh_project                 number   0..1
        uv_unwrap_angle_threshold_deg  uv_unwrap_angle_threshold_deg  number   1..180  ?90
        uv_unwrap_refine_iterations    uv_unwrap_refine_iterations    integer  0..10   ?0
        uv_unwrap_global_iterations    uv_unwrap_global_iterations    integer  0..10   ?1
        uv_unwrap_smooth_strength      uv_unwrap_smooth_strength      number   0..10   ?1
    """
    + "\n".join(
        f"""
        {s}_sampling_steps           {s}_sampling_steps           integer  1..50
        {s}_guidance_strength        {s}_guidance_strength        number   0..10
        {s}_guidance_rescale         {s}_guidance_rescale         number   0..1
        {s}_rescale_t                {s}_rescale_t                number   1..6
        {s}_guidance_interval_start  {s}_guidance_interval_start  number   0..1  ?0.6
        {s}_guidance_interval_end    {s}_guidance_interval_end    number   0..1  ?{end}
    """
        for s, end in zip(STAGES, ("1", "1", "0.9"))
    ),
}

# What has no field of its own there and is done all the same: pictures aside, every provider must account for the rest.
DONE_ANYWAY = {
    "3daistudio": {"pipeline_type", "number_results", *(f"{s}_sampling_steps" for s in STAGES)},
    "pixazo": {"pipeline_type", "number_results", "steps", "textures", "generate_thumbnail"},
    "empiriolabs": {"number_results", "steps", "textures", "generate_thumbnail"},
    "runware": {"pipeline_type", "number_results", "steps", "textures", "generate_thumbnail"},
    "fal": {"pipeline_type", "number_results", "steps", "textures", "generate_thumbnail"},
}
EVERYTHING = {
    "image", "image_url", "resolution", "pipeline_type", "max_num_tokens", "preprocess_image", "seed", "steps",
    "decimation_target", "textures", "texture_size", "remesh", "remesh_band", "remesh_project", "generate_thumbnail",
    "number_results", "uv_unwrap_angle_threshold_deg", "uv_unwrap_refine_iterations", "uv_unwrap_global_iterations",
    "uv_unwrap_smooth_strength",
    *(f"{s}_{rest}" for s in STAGES for rest in (
        "sampling_steps", "guidance_strength", "guidance_rescale", "rescale_t", "guidance_interval_start",
        "guidance_interval_end")),
}  # fmt: skip

# What a request carries besides its parameters.
CONSTANTS = {
    "3daistudio": {},
    "pixazo": {},
    "empiriolabs": {"model": "trellis-2-4b", "response_format": "url"},
    "runware": {
        "taskType": "3dInference", "model": "microsoft:trellis-2@4b", "numberResults": 1, "outputType": "URL",
        "outputFormat": "GLB", "deliveryMethod": "async", "includeCost": True, "ttl": KEEP,
    },
    "fal": {},
}  # fmt: skip
KEY_HEADER = {
    "3daistudio": ("authorization", "Bearer "), "pixazo": ("ocp-apim-subscription-key", ""),
    "empiriolabs": ("authorization", "Bearer "), "runware": ("authorization", "Bearer "),
    "fal": ("authorization", "Key "),
}  # fmt: skip
ADDRESS_FIELD = {"runware": "inputs.image"}
BYTES_FIELD = {"3daistudio": "image", "empiriolabs": "image", "runware": "inputs.image", "fal": "image_url"}
# In the provider's own unit: credits there, millionths of a dollar elsewhere.
PRICES = {"empiriolabs": {"512": 25_000, "1024": 249_000, "1536": 499_000}, "pixazo": dict.fromkeys(("512", "1024", "1536"), 350_000)}


class Row:
    def __init__(self, line: str):
        self.ours, self.theirs, self.form, *rest = line.split()
        self.usual = json.loads(rest.pop()[1:]) if rest and rest[-1].startswith("?") else None
        self.choices, self.least, self.most = None, None, None
        if self.form == "flag":
            return
        if ".." in rest[0]:
            self.least, self.most = map(int, rest[0].split(".."))
        else:
            self.choices = rest

    def value(self, probe: str):
        """What the customer says."""
        if self.form == "flag":
            return {"least": False, "most": True, "middle": True}[probe]
        if self.choices:
            text = {"least": self.choices[0], "middle": self.choices[1], "most": self.choices[-1]}[probe]
            return text if self.ours == "pipeline_type" else int(text)
        if probe != "middle":
            return {"least": self.least, "most": self.most}[probe]
        middle = (self.least + self.most) // 2 + 1
        return min(middle - 0.75, self.most) if self.form == "number" else min(middle, self.most)

    def sent(self, value):
        """What the provider must see of it."""
        return str(value) if self.form == "text" else value

    def is_sent(self, value) -> bool:
        return self.usual is None or value != self.usual


def rows(provider: str) -> list[Row]:
    return [Row(line) for line in MATRIX[provider].splitlines() if line.strip()]


def put(body: dict, path: str, value) -> None:
    *way, last = path.split(".")
    for name in way:
        body = body.setdefault(name, {})
    body[last] = value


def same(found, wanted, path: str = "") -> None:
    """Equal in value and in JSON's type: a text is no number, and true is not 1."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict) and set(found) == set(wanted), f"{path}: {found} is not {wanted}"
        for name in wanted:
            same(found[name], wanted[name], f"{path}.{name}")
        return
    kind = (int, float) if type(wanted) is float else type(wanted)
    assert isinstance(found, kind) and isinstance(found, bool) == isinstance(wanted, bool), f"{path}: {found!r}, not {wanted!r}"
    assert found == wanted, f"{path}: {found!r}, not {wanted!r}"


@pytest.fixture(scope="module")
def house():
    port = free_port()
    with Simulator(scale=SCALE) as sim:
        # The 3 calls a minute of 3D AI Studio have tests of their own.
        sim.settings(requests_per_minute={"3daistudio": None, "empiriolabs": None})
        config = {
            "polling": {"scale": SCALE},
            "listen": f"127.0.0.1:{port}",
            "public_url": f"http://127.0.0.1:{port}",
            # A busy machine is not to look like a lost answer.
            "providers": {p: {"timeout": 30} for p in PROVIDERS},
        }
        config["providers"]["3daistudio"]["requests_per_minute"] = None
        config["providers"]["empiriolabs"]["requests_per_minute"] = None
        with work_gateway(dict.fromkeys(PROVIDERS, sim), config) as gateway:
            gateway.sim = sim
            yield gateway


def document(glb: bytes) -> dict:
    magic, version, length, json_length, kind = struct.unpack_from("<4sIII4s", glb)
    assert (magic, version, length, kind) == (b"glTF", 2, len(glb), b"JSON")
    return json.loads(glb[20 : 20 + json_length])


def last_submit(sim: Simulator, provider: str) -> dict:
    found = [r for r in sim.control("GET", f"/requests?provider={provider}")["requests"] if r["route"] == "submit"]
    return found[-1]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_published_is_the_matrix(house, provider: str):
    items = {i["provider"]: i for i in house.get("/v1/providers").json()["items"]}
    published = {p["name"]: p for p in items[provider]["parameters"]}
    assert set(published) == EVERYTHING
    supported = {name for name, p in published.items() if p["supported"]}
    table = {row.ours: row for row in rows(provider)}
    assert supported == {"image", "image_url"} | set(table) | DONE_ANYWAY[provider]
    for name, row in table.items():
        takes = published[name]["takes"]
        if row.form == "flag":
            assert takes == "true or false", name
        elif row.choices:
            assert re.findall(r"[\w.]+", takes.removeprefix("one of "))[0:] == row.choices, name
        else:
            most = 2**63 - 1 if (provider, name) == ("runware", "seed") else row.most
            assert [int(n) for n in re.findall(r"\d+", takes)] == [row.least, most], name
        word = {"integer": "an integer", "number": "a number", "whole": "a whole number"}.get(row.form)
        assert row.choices or word is None or takes.startswith(word), name


@pytest.mark.parametrize("picture", ["address", "bytes"])
@pytest.mark.parametrize("probe", ["least", "middle", "most"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_parameter_arrives(house, provider: str, probe: str, picture: str):
    table = rows(provider)
    asked = {row.ours: row.value(probe) for row in table}
    # What has no field there is said as well, as far as it can be.
    asked["textures"] = probe != "least"
    asked["generate_thumbnail"] = probe == "most"
    asked["number_results"] = 2 if probe == "middle" else 1
    asked["pipeline_type"] = {512: "512"}.get(asked["resolution"], f"{asked['resolution']}_cascade")
    if provider == "3daistudio":
        asked |= {f"{s}_sampling_steps": asked["steps"] for s in STAGES}
    else:
        asked["steps"] = 7  # each stage says its own, which goes first
    published = {i["provider"]: i for i in house.get("/v1/providers").json()["items"]}[provider]["parameters"]
    supported = {p["name"] for p in published if p["supported"]} - {"image", "image_url"}
    # A seed is what nothing else can be told apart by: where there is none, none is asked for.
    assert set(asked) == supported, "a parameter that the gateway says it supports is not in this test"

    wallet = house.get("/v1/wallet/").json()
    body = {"provider": provider, "image": data_uri()} if picture == "bytes" else {"provider": provider, "image_url": PICTURE}
    task = house.submit(body | asked)
    status = house.finished(task)
    assert (status["status"], status["provider"]) == ("FINISHED", provider), json.dumps(status)

    jobs = house.sim.jobs(provider)[-asked["number_results"] :]
    seeds = sorted(job["input"].get("seed", 0) for job in jobs)
    if "seed" in asked and len(jobs) == 2:
        assert seeds == [asked["seed"], asked["seed"] + 1]
    for job in jobs:
        wanted = dict(CONSTANTS[provider])
        for row in table:
            value = asked[row.ours]
            if row.ours == "texture_size" and not asked["textures"]:
                value = 1024  # it is thrown away, so the smallest will do
            if row.is_sent(value):
                put(wanted, row.theirs, row.sent(value))
        found = json.loads(json.dumps(job["input"]))
        if "seed" in found:
            wanted["seed"] = found["seed"]  # checked above
        if provider == "runware":
            token = uuid.UUID(found.pop("taskUUID"))
            assert token.version == 4
            assert found.pop("webhookURL") == f"{house.url}/v1/callbacks/runware/{token}"
        if picture == "address":
            put(wanted, ADDRESS_FIELD.get(provider, "image_url"), PICTURE)
        elif provider == "pixazo":
            # It takes no bytes: the gateway keeps the picture and lends it an address.
            address = found.pop("image_url")
            assert house.get(address, key=None).content == png()
        else:
            put(wanted, BYTES_FIELD[provider], data_uri())
        same(found, wanted, provider)
        if provider in PRICES:
            assert job["price"] == PRICES[provider][str(asked["resolution"])]

    request = last_submit(house.sim, provider)
    header, prefix = KEY_HEADER[provider]
    assert request["headers"][header] == f"{prefix}key-for-{provider}"
    assert request["headers"]["content-type"] == "application/json"
    if provider == "fal":
        assert json.loads(request["headers"]["x-fal-object-lifecycle-preference"]) == {"expiration_duration_seconds": KEEP}

    assert len(status["results"]) == asked["number_results"]
    for result in status["results"]:
        model = document(house.get(result["asset"]).content)
        assert ("textures" in model) == asked["textures"], "textures: false means none in the file"
        assert (result["thumbnail"] is not None) == asked["generate_thumbnail"]
        if result["thumbnail"]:
            assert house.get(result["thumbnail"]).content.startswith(b"\x89PNG")
    after = house.get("/v1/wallet/").json()
    assert after["spent"] - wallet["spent"] == status["credits"] > 0
    assert house.sim.count(provider, "leaked_keys") == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_nobody_asked_for_is_the_same_everywhere(house, provider: str):
    """Our defaults are sent, so that a provider's own never decide: seed 42, remesh_project 0.9, 500 000 faces."""
    task = house.submit({"provider": provider, "image_url": PICTURE})
    assert house.finished(task)["status"] == "FINISHED"
    found = house.sim.jobs(provider)[-1]["input"]
    settings = found.get("settings", found)
    faces = settings.get("decimation_target", settings.get("decimationTarget"))
    assert faces == 1_000_000
    size = settings.get("texture_size", settings.get("textureSize"))
    assert int(size) == 1024, "geometry alone is the default, so the smallest texture is asked for"
    if provider in ("empiriolabs", "fal"):
        assert found["remesh_project"] == 0
    if provider != "pixazo":
        again = house.submit({"provider": provider, "image_url": PICTURE})
        assert house.finished(again)["status"] == "FINISHED"
        assert found["seed"] != house.sim.jobs(provider)[-1]["input"]["seed"], "drawn anew for every result"
        assert house.status(task)["seed"] == found["seed"]
    else:
        # It takes none: a number that was never sent would promise that the model can be made again.
        for seed in ({}, {"seed": 42, "on_unsupported": "adjust"}):
            status = house.finished(house.submit({"provider": provider, "image_url": PICTURE} | seed))
            assert status["seed"] is None and status["results"][0]["seed"] is None
            assert f"name=trellis2_1024_{status['task_id']}_0.glb" in status["results"][0]["asset"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_beyond_a_range_is_refused_by_name_or_adjusted(house, provider: str):
    before = house.sim.count(provider, "submit")
    for row in rows(provider):
        if row.form == "flag" or row.choices or (provider, row.ours) == ("runware", "seed"):
            continue
        body = {"provider": provider, "image_url": PICTURE, row.ours: row.most + 1}
        answer = house.post("/v1/3d-models/trellis2/generate/", json=body)
        assert answer.status_code in (400, 422), f"{row.ours}: {answer.text}"
        assert row.ours in answer.text
    assert house.sim.count(provider, "submit") == before
    # Wide enough for us and too wide for it: the nearest value goes, and the answer tells.
    beyond = {"3daistudio": ("remesh_band", 2, None), "pixazo": ("ss_rescale_t", 5.5, 6), "fal": ("remesh_band", 5, 4),
              "runware": ("ss_guidance_strength", 0.5, 1), "empiriolabs": ("decimation_target", 16_000_000, 1_000_000)}  # fmt: skip
    name, asked, nearest = beyond[provider]
    body = {"provider": provider, "image_url": PICTURE, name: asked, "on_unsupported": "adjust"}
    quote = house.post("/v1/3d-models/trellis2/quote/", json=body).json()
    answer = house.post("/v1/3d-models/trellis2/generate/", json=body).json()
    status = house.finished(answer["task_id"])
    assert status["status"] == "FINISHED"
    assert [a["param"] for a in status["adjustments"]] == [name], status["adjustments"]
    assert answer["adjustments"] == status["adjustments"] == quote["providers"][0]["adjustments"]
    theirs = {row.ours: row.theirs for row in rows(provider)}.get(name)
    found = house.sim.jobs(provider)[-1]["input"]
    for part in theirs.split(".") if theirs else []:
        found = found[part]
    if theirs:
        assert found == nearest
    else:
        assert name not in found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_failed_job_is_refunded(house, provider: str):
    fault = house.sim.fault(provider=provider, times=None, fate={"end": "fails", "message": "The mesh came out empty."})
    wallet = house.get("/v1/wallet/").json()
    task = house.submit({"provider": provider, "image_url": PICTURE, "fallback": False})
    status = house.finished(task)
    house.sim.control("DELETE", f"/faults/{fault}")
    assert (status["status"], status["credits"], status["results"]) == ("FAILED", 0, []), status
    assert status["failure_reason"]
    after = house.get("/v1/wallet/").json()
    assert (after["balance"], after["spent"], after["held"]) == (wallet["balance"], wallet["spent"], 0)
    for attempt in attempts(house, task):
        assert attempt["provider"] == provider


def test_the_books_are_right_in_the_end(house):
    money_is_right(house)
