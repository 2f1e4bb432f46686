"""What a schema cannot say: that a picture is a picture, that an interval ends after it starts, and where to connect."""

import base64

import schemathesis
from hypothesis import strategies as st

from gateway import png

PICTURES = [base64.b64encode(png(salt=salt)).decode() for salt in range(3)]

schemathesis.openapi.format("picture", st.sampled_from(PICTURES + ["data:image/png;base64," + PICTURES[0]]))
# Nothing of a test leaves this machine.
schemathesis.openapi.format("uri", st.sampled_from(["http://127.0.0.1:59998/a.png", "http://127.0.0.1:59997/b"]))


@schemathesis.hook
def map_body(context, body):
    """Only what is valid alone and contradictory together is put right; everything else is sent as generated."""
    if not isinstance(body, dict):
        return body
    for stage in ["ss", "shape_slat", "tex_slat"]:
        for end in ["start", "end"]:
            if body.get(f"{stage}_guidance_interval_{end}") is not None:
                body[f"{stage}_guidance_interval_start"], body[f"{stage}_guidance_interval_end"] = 0.1, 0.9
    if body.get("pipeline_type") and body.get("resolution"):
        del body["pipeline_type"]
    return body
