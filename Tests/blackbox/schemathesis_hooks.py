"""What a schema cannot say: that a picture is a picture, that an interval ends after it starts, which ids there are, and
that nothing of a test leaves this machine."""

import base64
import itertools
import os
import re
import uuid

import schemathesis
from hypothesis import strategies as st

from gateway import png

PICTURES = [base64.b64encode(png(salt=salt)).decode() for salt in range(3)]
ADDRESSES = ["http://127.0.0.1:59998/a.png", "http://127.0.0.1:59997/b"]
TASKS = itertools.cycle(filter(None, os.environ.get("TASK_IDS", "").split(",")))
URL_FIELDS = ["url", "image_url", "webhook_url", "upload_url"]

schemathesis.openapi.format("picture", st.sampled_from(PICTURES + ["data:image/png;base64," + PICTURES[0]]))
schemathesis.openapi.format("uri", st.sampled_from(ADDRESSES))


def is_address(value) -> bool:
    return isinstance(value, str) and re.match(r"https?://", value) is not None


@schemathesis.hook
def before_call(context, case, kwargs):
    """What is generated as valid is made so where the schema alone cannot; what is generated as wrong stays wrong."""
    body = case.body if isinstance(case.body, dict) else {}
    for name in URL_FIELDS:
        if is_address(body.get(name)):
            body[name] = ADDRESSES[0]
    if case.headers and is_address(case.headers.get("X-Webhook-URL")):
        case.headers["X-Webhook-URL"] = ADDRESSES[0]
    if case.meta and not case.meta.generation.mode.is_positive:
        return
    for stage in ["ss", "shape_slat", "tex_slat"]:
        start, end = f"{stage}_guidance_interval_start", f"{stage}_guidance_interval_end"
        if body.get(start) is not None or body.get(end) is not None:
            body[start], body[end] = 0.2, 0.8
    if body.get("pipeline_type") and body.get("resolution"):
        del body["pipeline_type"]
    if body.get("providers"):
        body["providers"] = ["sandbox"]
    if body.get("headers"):
        body["headers"] = {"X-Team": "models"}
    if case.query and "state" in case.query and "status" in case.query:
        # Two names for one filter, which must not contradict each other.
        case.query["state"] = case.query["status"]
    if case.headers and "Idempotency-Key" in case.headers:
        # One key for one request, as a client would.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.path_parameters and "id" in case.path_parameters:
        # An id that exists: otherwise every answer would be 404.
        case.path_parameters["id"] = next(TASKS, case.path_parameters["id"])
