"""The examples on the providers' own pages, run as they stand there: only host and key are replaced. They are witnesses
that the simulator takes what the real ones take, and answers with the fields that the pages show."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from work_house import Simulator

HOSTS = {
    "https://api.3daistudio.com": "/3daistudio",
    "https://gateway.pixazo.ai": "/pixazo",
    "https://api.empiriolabs.ai": "/empiriolabs",
    "https://api.runware.ai": "/runware",
    "https://fal.run": "/fal-run",
}
KEYS = ["YOUR_API_KEY", "$EMPIRIOLABS_API_KEY", "YOUR_SUBSCRIPTION_KEY", "$FAL_KEY"]

STUDIO_GENERATE = """curl -X POST https://api.3daistudio.com/v1/3d-models/trellis2/generate/ \\
  -H "Authorization: Bearer YOUR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "image_url": "https://example.com/my-object.png",
    "resolution": "1024",
    "textures": true,
    "texture_size": 2048
  }'"""
STUDIO_FULL = """curl -X POST https://api.3daistudio.com/v1/3d-models/trellis2/generate/ \\
  -H "Authorization: Bearer YOUR_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "image_url": "https://example.com/chair.png",
    "resolution": "1024",
    "textures": true,
    "texture_size": 2048,
    "generate_thumbnail": true
  }'"""
STUDIO_STATUS = """curl https://api.3daistudio.com/v1/generation-request/YOUR_TASK_ID/status/ \\
  -H "Authorization: Bearer YOUR_API_KEY\""""

PIXAZO_BODY = """{
"image_url": "https://pub-582b7213209642b9b995c96c95a30381.r2.dev/f1.png",
"resolution": 1024,
"ss_guidance_strength": 7.5,
"ss_guidance_rescale": 0.7,
"ss_sampling_steps": 12,
"ss_rescale_t": 5,
"shape_slat_guidance_strength": 7.5,
"shape_slat_guidance_rescale": 0.5,
"shape_slat_sampling_steps": 12,
"shape_slat_rescale_t": 3,
"tex_slat_guidance_strength": 1,
"tex_slat_sampling_steps": 12,
"tex_slat_rescale_t": 3,
"decimation_target": 500000,
"texture_size": 2048,
"remesh": true,
"remesh_band": 1
}"""
PIXAZO_GENERATE = (
    """curl -X POST "https://gateway.pixazo.ai/trellis-2-image-to-3d/v1/trellis-2-image-to-3d-request" \\
-H "Content-Type: application/json" \\
-H "Cache-Control: no-cache" \\
-H "Ocp-Apim-Subscription-Key: YOUR_SUBSCRIPTION_KEY" \\
--data-raw '"""
    + PIXAZO_BODY
    + "'"
)
PIXAZO_STATUS = """curl -H "Ocp-Apim-Subscription-Key: YOUR_API_KEY" \\
"https://gateway.pixazo.ai/v2/requests/status/YOUR_TASK_ID\""""
PIXAZO_PYTHON = (
    """import requests
url = "https://gateway.pixazo.ai/trellis-2-image-to-3d/v1/trellis-2-image-to-3d-request"
headers = {
"Content-Type": "application/json",
"Cache-Control": "no-cache",
"Ocp-Apim-Subscription-Key": "YOUR_SUBSCRIPTION_KEY"
}
data = """
    + PIXAZO_BODY.replace("true", "True")
    + """
response = requests.post(url, json=data, headers=headers)
print(response.json())
"""
)
PIXAZO_SCRIPT = (
    """const url = 'https://gateway.pixazo.ai/trellis-2-image-to-3d/v1/trellis-2-image-to-3d-request';
const data = """
    + PIXAZO_BODY
    + """;
fetch(url, {
method: 'POST',
headers: {
'Content-Type': 'application/json',
'Cache-Control': 'no-cache',
'Ocp-Apim-Subscription-Key': 'YOUR_SUBSCRIPTION_KEY'
},
body: JSON.stringify(data)
})
.then(response => response.json())
.then(data => console.log(data))
.catch(error => console.error('Error:', error));
"""
)

EMPIRIO_GENERATE = """curl https://api.empiriolabs.ai/v1/3d/generations \\
 -H 'Authorization: Bearer $EMPIRIOLABS_API_KEY' \\
 -H 'Content-Type: application/json' \\
 -d '{"model": "trellis-2-4b", "image_url": "https://example.com/product-photo.png", "resolution": "1024", "texture_size": "2048"}'"""

FAL_RUN = """curl --request POST \\
  --url https://fal.run/fal-ai/trellis-2 \\
  --header "Authorization: Key $FAL_KEY" \\
  --header "Content-Type: application/json" \\
  --data '{
  "image_url": "https://v3b.fal.media/files/b/0a86b60d/xkpao5B0uxmH0tmJm0HVL_2fe35ce1-fe44-475b-b582-6846a149537c.png"
}'"""
FAL_INPUT = """{
  "resolution": 1024,
  "ss_guidance_strength": 7.5,
  "ss_guidance_rescale": 0.7,
  "ss_sampling_steps": 12,
  "ss_rescale_t": 5,
  "shape_slat_guidance_strength": 7.5,
  "shape_slat_guidance_rescale": 0.5,
  "shape_slat_sampling_steps": 12,
  "shape_slat_rescale_t": 3,
  "tex_slat_guidance_strength": 1,
  "tex_slat_guidance_rescale": 0,
  "tex_slat_sampling_steps": 12,
  "tex_slat_rescale_t": 3,
  "decimation_target": 500000,
  "texture_size": 2048,
  "remesh": true,
  "remesh_band": 1,
  "remesh_project": 0,
  "image_url": "https://v3b.fal.media/files/b/0a86b60d/xkpao5B0uxmH0tmJm0HVL_2fe35ce1-fe44-475b-b582-6846a149537c.png"
}"""

# Runware's page has no command, only the fields: this has those that it calls required.
RUNWARE_TASK = """[{"taskType": "3dInference", "taskUUID": "39d7207a-87ef-4c93-8082-1431f9c1dc97",
  "model": "microsoft:trellis-2@4b", "inputs": {"image": "https://example.com/chair.png"}}]"""
RUNWARE_POST = """curl https://api.runware.ai/v1 -H 'Authorization: Bearer YOUR_API_KEY' -H 'Content-Type: application/json' -d '%s'"""


@pytest.fixture(scope="module")
def sim():
    with Simulator() as running:
        running.settings(requests_per_minute={"3daistudio": None, "empiriolabs": None})
        running.settings(keys=dict.fromkeys(("3daistudio", "pixazo", "empiriolabs", "runware", "fal"), ["a-good-key"]))
        yield running


def pointed(sim: Simulator, text: str, task: str = "") -> str:
    for host, prefix in HOSTS.items():
        text = text.replace(host, sim.url + prefix)
    for key in KEYS:
        text = text.replace(key, "a-good-key")
    assert "://api." not in text and "gateway.pixazo" not in text
    return text.replace("YOUR_TASK_ID", task)


def run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def curl(sim: Simulator, command: str, task: str = "") -> dict:
    return json.loads(run("bash", "-c", pointed(sim, command, task) + " --silent --show-error --noproxy '*'"))


def until(sim: Simulator, command: str, task: str, is_done) -> dict:
    end = time.monotonic() + 20
    while not is_done(status := curl(sim, command, task)):
        assert time.monotonic() < end, status
        time.sleep(0.05)
    return status


@pytest.mark.parametrize("command, price", [(STUDIO_GENERATE, 30), (STUDIO_FULL, 32)])
def test_3d_ai_studio(sim: Simulator, command: str, price: int):
    given = curl(sim, command)
    assert set(given) == {"task_id", "created_at"}
    status = until(sim, STUDIO_STATUS, given["task_id"], lambda s: s["status"] == "FINISHED")
    assert status["progress"] == 100
    (result,) = status["results"]
    assert {"asset_url", "asset", "asset_type", "thumbnail"} <= set(result)
    assert (result["asset_url"], result["asset_type"]) == (None, "3D_MODEL")
    assert (result["thumbnail"] is not None) == (price == 32)
    assert sim.jobs("3daistudio")[-1]["price"] == price


def test_pixazo(sim: Simulator):
    given = curl(sim, PIXAZO_GENERATE)
    assert set(given) == {"request_id", "status", "polling_url"}
    assert given["status"] == "QUEUED" and given["request_id"].startswith("trellis-2-image-to-3d_")
    assert given["polling_url"].endswith("/v2/requests/status/" + given["request_id"])
    status = until(sim, PIXAZO_STATUS, given["request_id"], lambda s: s["status"] == "COMPLETED")
    assert set(status) == {
        "request_id", "status", "model_id", "error", "output", "created_at", "updated_at", "completed_at"
    }  # fmt: skip
    assert isinstance(status["output"]["media_url"], list) and status["output"]["media_type"] == "application/octet-stream"


def test_pixazo_python_and_script(sim: Simulator):
    assert "QUEUED" in run(sys.executable, "-", text=pointed(sim, PIXAZO_PYTHON))
    assert "QUEUED" in run("node", "-", text=pointed(sim, PIXAZO_SCRIPT))
    one, two = (json.loads(PIXAZO_BODY) == job["input"] for job in sim.jobs("pixazo")[-2:])
    assert one and two


def test_empiriolabs(sim: Simulator):
    given = curl(sim, EMPIRIO_GENERATE)
    status = "curl https://api.empiriolabs.ai/v1/jobs/YOUR_TASK_ID -H 'Authorization: Bearer YOUR_API_KEY'"
    done = until(sim, status, given["job_id"], lambda s: s["result"])
    assert done["result"]["data"][0]["url"]
    job = sim.jobs("empiriolabs")[-1]
    assert (job["seed"], job["price"]) == (42, 249_000), "its own default seed, and its price for 1024"


def test_fal(sim: Simulator):
    assert set(curl(sim, FAL_RUN)) == {"model_glb"}
    assert curl(sim, FAL_RUN.split("--data")[0] + f"--data '{FAL_INPUT}'")["model_glb"]["url"]


def test_runware(sim: Simulator):
    assert curl(sim, RUNWARE_POST % RUNWARE_TASK) == {
        "data": [{"taskType": "3dInference", "taskUUID": "39d7207a-87ef-4c93-8082-1431f9c1dc97"}]
    }
    look = RUNWARE_POST % '[{"taskType": "getResponse", "taskUUID": "39d7207a-87ef-4c93-8082-1431f9c1dc97"}]'
    done = until(sim, look, "", lambda s: s["data"][0].get("outputs"))
    assert done["data"][0]["outputs"]["files"][0]["url"]
    assert "cost" not in done["data"][0], "only for those who ask for it"


@pytest.mark.parametrize(
    "command, wrong",
    [
        (STUDIO_GENERATE, "Token a-good-key"), (EMPIRIO_GENERATE, "Key a-good-key"), (FAL_RUN, "Bearer a-good-key"),
        (RUNWARE_POST % RUNWARE_TASK, "Key a-good-key"), (PIXAZO_GENERATE, "another-key"), (FAL_RUN, "Key another-key"),
    ],
)  # fmt: skip
def test_another_key_or_another_way_to_show_it_is_refused(sim: Simulator, command: str, wrong: str):
    spoiled = pointed(sim, command)
    for right in ("Bearer a-good-key", "Key: a-good-key", "Key a-good-key"):
        if right in spoiled:
            spoiled = spoiled.replace(right, ("Key: " if right.startswith("Key:") else "") + wrong)
            break
    code = run("bash", "-c", spoiled + " --silent --noproxy '*' --output /dev/null --write-out '%{http_code}'")
    assert code == "401"
