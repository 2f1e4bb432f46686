"""Makes a model from a picture: python generate.py picture.png model.glb

Reads GATEWAY and API_KEY from the environment. Needs only `pip install requests`.
"""

import base64
import os
import sys
import time
import uuid

import requests

GATEWAY = os.environ.get("GATEWAY", "http://127.0.0.1:8080")
KEY = {"Authorization": "Bearer " + os.environ["API_KEY"]}


def generate(picture: bytes, **fields) -> bytes:
    body = {"image": base64.b64encode(picture).decode(), **fields}
    # One id for one piece of work: sending it again after a lost answer cannot charge twice.
    headers = {**KEY, "Idempotency-Key": str(uuid.uuid4())}
    for attempt in range(5):
        try:
            answer = requests.post(f"{GATEWAY}/v1/3d-models/trellis2/generate/", json=body, headers=headers, timeout=60)
        except requests.ConnectionError:
            time.sleep(2**attempt)
            continue
        if answer.status_code in (429, 503):
            time.sleep(float(answer.headers.get("Retry-After", 2**attempt)))
            continue
        break
    else:
        raise RuntimeError("the gateway cannot be reached")
    if not answer.ok:
        raise RuntimeError(answer.json()["detail"])

    task = answer.json()["task_id"]
    while True:
        status = requests.get(f"{GATEWAY}/v1/generation-request/{task}/status/?wait=20", headers=KEY, timeout=60).json()
        if status["status"] == "FINISHED":
            return requests.get(status["results"][0]["asset"], timeout=300).content
        if status["status"] == "FAILED":
            raise RuntimeError(status["failure_reason"])


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as source:
        model = generate(source.read())
    with open(sys.argv[2], "wb") as target:
        target.write(model)
    print(f"{sys.argv[2]}: {len(model)} bytes")
