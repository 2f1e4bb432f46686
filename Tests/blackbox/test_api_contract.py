"""The public contract over a real socket: every field against everything that can be wrong with it, and every status
code that the documentation of the API promises."""

import json

import pytest

from gateway import Gateway, data_uri, png

SUBMIT = "/v1/3d-models/trellis2/generate/"
QUOTE = "/v1/3d-models/trellis2/quote/"

INT, NUM, BOOL = "integer", "number", "boolean"

# name: (type, default, least, most), or (choices, default)
FIELDS = {
    "resolution": ([512, 1024, 1536], 1024),
    "pipeline_type": (["512", "1024_cascade", "1536_cascade"], "1024_cascade"),
    "texture_size": ([1024, 2048, 4096], 2048),
    "max_num_tokens": (INT, 49152, 1024, 131072),
    "preprocess_image": (BOOL, True),
    "seed": (INT, None, 0, 2**31 - 1),
    "steps": (INT, 12, 1, 50),
    "ss_sampling_steps": (INT, 12, 1, 64),
    "ss_guidance_strength": (NUM, 7.5, 0, 20),
    "ss_guidance_rescale": (NUM, 0.7, 0, 2),
    "ss_rescale_t": (NUM, 5, 0, 20),
    "ss_guidance_interval_start": (NUM, 0.6, 0, 1),
    "ss_guidance_interval_end": (NUM, 1, 0, 1),
    "shape_slat_sampling_steps": (INT, 12, 1, 64),
    "shape_slat_guidance_strength": (NUM, 7.5, 0, 20),
    "shape_slat_guidance_rescale": (NUM, 0.5, 0, 2),
    "shape_slat_rescale_t": (NUM, 3, 0, 20),
    "shape_slat_guidance_interval_start": (NUM, 0.6, 0, 1),
    "shape_slat_guidance_interval_end": (NUM, 1, 0, 1),
    "tex_slat_sampling_steps": (INT, 12, 1, 64),
    "tex_slat_guidance_strength": (NUM, 1, 0, 20),
    "tex_slat_guidance_rescale": (NUM, 0, 0, 2),
    "tex_slat_rescale_t": (NUM, 3, 0, 20),
    "tex_slat_guidance_interval_start": (NUM, 0.6, 0, 1),
    "tex_slat_guidance_interval_end": (NUM, 0.9, 0, 1),
    "decimation_target": (INT, 1_000_000, 1000, 16_000_000),
    "textures": (BOOL, False),
    "remesh": (BOOL, True),
    "remesh_band": (NUM, 1, 0, 5),
    "remesh_project": (NUM, 0, 0, 1),
    "uv_unwrap_angle_threshold_deg": (NUM, 90, 1, 180),
    "uv_unwrap_refine_iterations": (INT, 0, 0, 10),
    "uv_unwrap_global_iterations": (INT, 1, 0, 10),
    "uv_unwrap_smooth_strength": (NUM, 1, 0, 10),
    "generate_thumbnail": (BOOL, False),
    "number_results": (INT, 1, 1, 4),
    # The gateway's own.
    "fallback": (BOOL, True),
    "on_unsupported": (["refuse", "adjust"], "refuse"),
    "response_format": (["url", "b64_json"], "url"),
    "ttl": (INT, None, 60, 604800),
    "include_cost": (BOOL, False),
    "priority": (["normal", "low"], "normal"),
    "cancel_after": (INT, None, 1, 1800),
    "start_within": (INT, None, 1, 1800),
}

# What each cell of the seed's price table costs.
PRICES = {
    512: {None: 15, 1024: 25, 2048: 25, 4096: 30},
    1024: {None: 20, 1024: 30, 2048: 30, 4096: 40},
    1536: {None: 25, 1024: 40, 2048: 40, 4096: 55},
}


@pytest.fixture(scope="module")
def gateway():
    limits = {"requests_per_minute": 1_000_000, "reads_per_minute": 1_000_000, "concurrent_tasks": 100_000}
    with Gateway(config={"limits": limits | {"wrong_keys_per_minute": 100_000}}) as running:
        yield running


def cases():
    for name, (kind, _default, *bounds) in FIELDS.items():
        if kind == BOOL:
            taken, refused = [True, False, None], [0, 1, "true", [], {}]
        elif isinstance(kind, list):
            taken = [*kind, None]
            refused = ["other", "", True, [], {}, [kind[0]]]
            if isinstance(kind[0], int):
                taken += [str(choice) for choice in kind]
                refused += [min(kind) - 1, max(kind) + 1, 3072, 1.5]
            else:
                refused += [7]
        else:
            least, most = bounds
            step = 1 if kind == INT else 0.001
            taken = [least, most, None] + ([(least + most) / 2] if kind == NUM else [])
            refused = [least - step, most + step, str(most), True, [], {}, 1e300]
            refused += [least + 0.5] if kind == INT else []
        for value in taken:
            yield pytest.param(name, value, True, id=f"{name}={json.dumps(value)}")
        for value in refused:
            yield pytest.param(name, value, False, id=f"{name}={json.dumps(value)}-refused")


def with_room(name, value):
    """An interval's ends are judged together: the other end is given all the room there is."""
    body = {"image": data_uri(), name: value}
    if name.endswith("_interval_start"):
        body[name[: -len("start")] + "end"] = 1
    if name.endswith("_interval_end"):
        body[name[: -len("end")] + "start"] = 0
    return body


@pytest.mark.parametrize("name, value, is_taken", cases())
def test_every_field_takes_its_range_and_refuses_the_rest(gateway, name, value, is_taken):
    answer = gateway.post(QUOTE, json=with_room(name, value))
    if is_taken:
        assert answer.status_code == 200, answer.text
        return
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "validation_failed"
    assert [detail["param"] for detail in error["details"]] == [name]
    detail = error["details"][0]
    assert name in detail["message"] and "allowed" in detail and "value" in detail


@pytest.mark.parametrize("name", FIELDS)
def test_a_misspelt_field_is_refused_with_the_nearest_name(gateway, name):
    wrong = name[:-2] + name[-1] + name[-2]
    answer = gateway.post(QUOTE, json={"image": data_uri(), wrong: 1})
    assert answer.status_code == 400, answer.text
    detail = answer.json()["error"]["details"][0]
    assert detail["param"] == wrong and name in detail["suggestion"]


def test_everything_wrong_is_said_at_once(gateway):
    body = {"steps": 0, "texture_size": 777, "colour": "red", "ttl": 1, "metadata": {"a": 1}, "webhook_url": "x"}
    answer = gateway.post(SUBMIT, json=body)
    assert answer.status_code == 400
    named = {detail["param"] for detail in answer.json()["error"]["details"]}
    assert named == {"steps", "texture_size", "colour", "ttl", "metadata.a", "webhook_url", "image"}


@pytest.mark.parametrize("resolution", PRICES)
@pytest.mark.parametrize("size", [None, 1024, 2048, 4096])
@pytest.mark.parametrize("thumbnail", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_the_price_is_the_seeds(gateway, resolution, size, thumbnail, count):
    body = {"image": data_uri(), "resolution": str(resolution), "textures": size is not None}
    body |= {"generate_thumbnail": thumbnail, "number_results": count}
    body |= {"texture_size": size} if size else {}
    price = (PRICES[resolution][size] + 2 * thumbnail) * count
    assert gateway.post(QUOTE, json=body).json()["credits"] == price


# The picture


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"image": None},
        {"image": ""},
        {"image": "not base64!"},
        {"image": "data:image/png,AAAA"},
        {"image": "data:image/png;base64"},
        {"image": "AAAA"},
        {"image": 7},
        {"image": [data_uri()]},
        {"image": data_uri(), "image_url": "https://example.com/a.png"},
        {"image_url": "ftp://example.com/a.png"},
        {"image_url": "/a.png"},
        {"image_url": "https://user:secret@example.com/a.png"},
        {"image_url": 7},
        {"image": data_uri(b"GIF89a" + bytes(64))},
        {"image": data_uri(png()[:20])},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_a_request_has_exactly_one_good_picture(gateway, body):
    before = gateway.get("/v1/wallet/").json()
    answer = gateway.post(SUBMIT, json=body)
    assert answer.status_code == 400, answer.text
    assert gateway.get("/v1/wallet/").json() == before


def test_base64_is_taken_bare_wrapped_and_as_a_data_uri(gateway):
    bare = data_uri().split(",", 1)[1]
    lines = "\n".join(bare[i : i + 76] for i in range(0, len(bare), 76))
    for image in [bare, lines, "data:image/png;base64," + bare, "data:;base64," + bare]:
        assert gateway.post(QUOTE, json={"image": image}).status_code == 200, image


def test_what_clients_of_3d_ai_studio_do_works(gateway):
    body = {"image": "http://127.0.0.1:59998/a.png", "enable_pbr": True, "prompt": None, "seed": None, "resolution": 1024}
    answer = gateway.post(SUBMIT, json=body)
    assert answer.status_code == 200, answer.text
    assert [a["param"] for a in answer.json()["adjustments"]] == ["enable_pbr"]


# Every status code


def test_200_answers_the_seeds_fields_and_ours(gateway):
    answer = gateway.post(SUBMIT, json={"image": data_uri(), "seed": 7, "metadata": {"order": "A-17"}})
    assert answer.status_code == 200
    body = answer.json()
    assert list(body)[:2] == ["task_id", "created_at"]
    assert body["status"] == "PENDING" and body["credits"] == 20
    assert body["status_url"].endswith(f"/v1/generation-request/{body['task_id']}/status/")
    assert answer.headers["X-Credits-Charged"] == "20"
    assert int(answer.headers["X-Credits-Remaining"]) == gateway.get("/v1/wallet/").json()["balance"]
    assert answer.headers["Server-Timing"].startswith("gateway;dur=")
    assert "RateLimit" in answer.headers and "RateLimit-Policy" in answer.headers
    status = gateway.finished(body["task_id"])
    assert list(status)[:4] == ["status", "progress", "failure_reason", "results"]
    assert status["status"] == "FINISHED" and status["progress"] == 100 and status["failure_reason"] is None
    result = status["results"][0]
    assert result["asset_url"] is None and result["asset_type"] == "3D_MODEL" and result["thumbnail"] is None
    assert status["seed"] == 7 and status["metadata"] == {"order": "A-17"} and status["state"] == "finished"
    assert gateway.get(result["asset"], key=None).content[:4] == b"glTF"


@pytest.mark.parametrize(
    "headers, code",
    [
        ({}, "invalid_api_key"),
        ({"Authorization": "Bearer"}, "invalid_api_key"),
        ({"Authorization": "Basic abc"}, "invalid_api_key"),
        ({"Authorization": "Bearer tgu_" + "x" * 36}, "invalid_api_key"),
        ({"Authorization": "Bearer YOUR_API_KEY"}, "invalid_api_key"),
    ],
)
def test_401_says_how(gateway, headers, code):
    answer = gateway.post(SUBMIT, json={"image": data_uri()}, key=None, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error_code"] == code.upper() and answer.json()["detail"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_402_names_the_price_and_the_balance(gateway):
    poor = gateway.admin("POST", "/admin/v1/accounts", {"name": "poor", "credits": 31})
    body = {"image": data_uri(), "textures": True, "texture_size": 2048, "generate_thumbnail": True}
    answer = gateway.post(SUBMIT, json=body, key=poor["key"])
    assert answer.status_code == 402
    error = answer.json()["error"]
    assert error["code"] == "insufficient_credits" and error["required"] == 32 and error["balance"] == 31
    assert answer.json()["error_code"] == "INSUFFICIENT_CREDITS"
    assert gateway.get("/v1/wallet/", key=poor["key"]).json() == {"balance": 31, "held": 0, "spent": 0}


def test_404_for_what_is_not_there(gateway):
    for path in ["/", "/v1", "/v1/nothing", "/v1/generation-request/none/status/", "/v2/wallet"]:
        answer = gateway.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]["code"] == "not_found"


def test_405_names_what_the_path_takes(gateway):
    for method, path, allow in [
        ("GET", SUBMIT, "POST, OPTIONS"),
        ("DELETE", "/v1/wallet/", "GET, HEAD, OPTIONS"),
        ("PUT", "/healthz", "GET, HEAD, OPTIONS"),
        ("TRACE", "/v1/account", "GET, HEAD, OPTIONS"),
    ]:
        answer = gateway.request(method, path)
        assert answer.status_code == 405, f"{method} {path}: {answer.text}"
        assert answer.headers["Allow"] == allow


def test_409_for_canceling_what_has_ended(gateway):
    task = gateway.submit()
    gateway.finished(task)
    answer = gateway.post(f"/v1/generation-request/{task}/cancel/")
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "too_late"


def test_413_before_the_body_is_read(gateway):
    answer = gateway.post("/v1/generation-request/status/", content=b" " * 300_000,
                          headers={"Content-Type": "application/json"})
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "body_too_large"


def test_415_for_forms(gateway):
    answer = gateway.post(SUBMIT, data={"image_url": "https://example.com/a.png"})
    assert answer.status_code == 415 and answer.json()["error"]["code"] == "unsupported_media_type"


def test_429_says_when(gateway):
    made = gateway.admin("POST", "/admin/v1/accounts", {"name": "hasty", "credits": 1000})
    gateway.admin("PATCH", "/admin/v1/accounts/hasty", {"requests_per_minute": 2})
    codes = [gateway.post(QUOTE, json={"image": data_uri()}, key=made["key"]) for _ in range(3)]
    assert [answer.status_code for answer in codes] == [200, 200, 429]
    last = codes[-1]
    assert last.json()["error"]["code"] == "rate_limited" and last.json()["error_code"] == "RATE_LIMITED"
    assert 1 <= int(last.headers["Retry-After"]) <= 30
    assert last.headers["RateLimit-Policy"] == '"minute";q=2;w=60'
    assert last.headers["RateLimit"].startswith('"minute";r=0;t=')
    # A status read never counts.
    for _ in range(20):
        assert gateway.get("/v1/generation-request/019aa1c2-7d1e-7c3a-9b3e-5b0d5a1f2c34/status/",
                           key=made["key"]).status_code == 404


def test_429_for_too_many_unfinished_tasks(gateway):
    made = gateway.admin("POST", "/admin/v1/accounts", {"name": "busy", "credits": 1000})
    gateway.admin("PATCH", "/admin/v1/accounts/busy", {"concurrent_tasks": 1})
    first = gateway.post(SUBMIT, json={"image": data_uri()}, key=made["key"])
    second = gateway.post(SUBMIT, json={"image": data_uri()}, key=made["key"])
    assert first.status_code == 200
    assert second.status_code == 429 and second.json()["error"]["code"] == "too_many_tasks"


def test_400_for_what_is_no_json(gateway):
    for content in [b"", b"{", b"[]", b"null", b'{"a":1,"a":2}', b'{"steps":NaN}', b"\xff\xfe{}", b"{}x"]:
        answer = gateway.post(SUBMIT, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, content
        assert answer.json()["error"]["code"] == "invalid_json", content


def test_400_when_no_provider_can(gateway):
    answer = gateway.post(SUBMIT, json={"image": data_uri(), "provider": "nobody"})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["param"] == "provider"


def test_every_error_has_the_one_shape(gateway):
    answers = [
        gateway.get("/nothing"),
        gateway.get("/v1/wallet/", key=None),
        gateway.post(SUBMIT, json={}),
        gateway.request("DELETE", "/v1/wallet/"),
        gateway.post(SUBMIT, data={"a": "b"}),
    ]
    for answer in answers:
        body = answer.json()
        assert set(body) == {"error", "error_code", "detail"}
        assert body["error"]["request_id"] == answer.headers["X-Request-Id"]
        assert body["error_code"] == body["error"]["code"].upper() and body["detail"] == body["error"]["message"]
        assert answer.headers["Content-Type"] == "application/json"


def test_paths_work_with_and_without_the_slash(gateway):
    for path in ["/v1/wallet", "/v1/account", "/v1/providers", "/account/user/wallet", "/user/wallet",
                 "/v1/generation-requests", "/v1/wallet/ledger", "/healthz", "/readyz", "/openapi.json", "/docs"]:
        assert gateway.get(path).status_code == gateway.get(path + "/").status_code == 200, path


def test_the_wallet_in_the_words_of_3d_ai_studio(gateway):
    balance = gateway.get("/v1/wallet/").json()["balance"]
    for path in ["/account/user/wallet/", "/user/wallet/"]:
        body = gateway.get(path).json()
        assert body == {"balance": f"{balance}.00", "rate_limit": 1_000_000}


def test_prefer_wait_answers_with_the_end(gateway):
    answer = gateway.post(SUBMIT, json={"image": data_uri()}, headers={"Prefer": "wait=20"})
    assert answer.status_code == 200 and answer.json()["status"] == "FINISHED"
    assert answer.headers["Preference-Applied"] == "wait=20" and answer.headers["X-Credits-Charged"] == "20"


def test_several_results_have_different_seeds(gateway):
    answer = gateway.post(SUBMIT, json={"image": data_uri(), "number_results": 3, "seed": 2**31 - 1})
    status = gateway.finished(answer.json()["task_id"])
    assert [result["seed"] for result in status["results"]] == [2**31 - 1, 0, 1]
    assert answer.json()["credits"] == 60 and status["credits"] == 60


def test_b64_json_carries_the_model(gateway):
    import base64

    task = gateway.post(SUBMIT, json={"image": data_uri(), "response_format": "b64_json"}).json()["task_id"]
    result = gateway.finished(task)["results"][0]
    assert base64.b64decode(result["b64_json"]) == gateway.get(result["asset"]).content


def test_lists_are_paged_and_filtered(gateway):
    made = gateway.admin("POST", "/admin/v1/accounts", {"name": "lister", "credits": 1000})
    tasks = [gateway.submit(key=made["key"]) for _ in range(5)]
    seen, cursor = [], None
    while True:
        query = "?limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = gateway.get("/v1/generation-requests/" + query, key=made["key"]).json()
        assert len(page["items"]) <= 2
        seen += [item["task_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert seen == list(reversed(tasks))
    wrong = gateway.get("/v1/generation-requests/?limit=0&status=nope&since=yesterday", key=made["key"])
    assert wrong.status_code == 400
    assert {d["param"] for d in wrong.json()["error"]["details"]} == {"limit", "status", "since"}


@pytest.mark.parametrize(
    "path, param, hint",
    [
        # Each of these would be answered with more than was asked for, and read as the answer.
        ("/v1/generation-requests/?statsu=FAILED", "statsu", "Did you mean status?"),
        ("/v1/generation-requests/?status=FAILED&status=FINISHED", "status", None),
        ("/v1/generation-requests/?provider=fla", "provider", "Did you mean fal?"),
        ("/v1/generation-requests/?page=2", "page", "It takes status, provider, since, limit, cursor."),
        ("/v1/wallet/ledger/?limt=1", "limt", "Did you mean limit?"),
        ("/admin/v1/tasks?acount=tests", "acount", "Did you mean account?"),
        ("/admin/v1/accounts?limits=1", "limits", "Did you mean limit?"),
        ("/admin/v1/stats?sicne=2026-11-01T00:00:00Z", "sicne", "Did you mean since?"),
        ("/admin/v1/audit?curser=1", "curser", "Did you mean cursor?"),
        # The whole point of the head would be missed, and the ledger called sound.
        ("/admin/v1/ledger/verify?haed=1:" + "0" * 64, "haed", "Did you mean head?"),
    ],
)
def test_a_misspelt_or_repeated_filter_is_refused_with_the_nearest_name(gateway, path, param, hint):
    if path.startswith("/admin/"):
        key = gateway.admin("POST", "/admin/v1/accounts/tests/keys", {"scope": "admin"})["key"]
    else:
        key = gateway.key
    answer = gateway.get(path, key=key)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["param"], error.get("suggestion")) == ("validation_failed", param, hint)


def test_what_a_client_adds_to_a_status_address_does_no_harm(gateway):
    """Clients of the API that this one stands in for put numbers there, against caches."""
    task = gateway.submit()
    assert gateway.get(f"/v1/generation-request/{task}/status/?_=1763712000").status_code == 200


def test_a_batch_of_statuses(gateway):
    tasks = [gateway.submit() for _ in range(3)]
    ids = [*tasks, "019aa1c2-7d1e-7c3a-9b3e-5b0d5a1f2c34", "x"]
    body = gateway.post("/v1/generation-request/status/", json={"task_ids": ids}).json()
    assert [item["task_id"] for item in body["items"]] == tasks and body["not_found"] == ids[3:]
    for wrong in [{}, {"task_ids": []}, {"task_ids": ["x"] * 101}, {"task_ids": [7]}, {"ids": ["x"]}]:
        assert gateway.post("/v1/generation-request/status/", json=wrong).status_code == 400, wrong


def test_the_receipt_tells_the_whole_story(gateway):
    task = gateway.submit({"image": data_uri(), "generate_thumbnail": True})
    gateway.finished(task)
    story = gateway.get(f"/v1/generation-request/{task}/receipt/").json()
    kinds = [(p["kind"], p["item"], p["amount"]) for p in story["charged"]["postings"]]
    assert sorted(kinds) == [("hold", "model", 20), ("hold", "thumbnail", 2), ("settle", "model", 20),
                             ("settle", "thumbnail", 2)]
    assert story["attempts"][0]["provider"] == "sandbox" and story["attempts"][0]["outcome"] == "succeeded"
    assert story["asked"]["in_force"]["steps"] == 12 and story["answered"]["status"] == "FINISHED"


def test_cancel_gives_the_credits_back(gateway):
    slow = gateway.admin("POST", "/admin/v1/accounts", {"name": "slow", "credits": 100})
    # Four results of a slow kind: the last is not done before the cancel arrives.
    task = gateway.submit({"image": data_uri(), "number_results": 4}, key=slow["key"])
    first = gateway.post(f"/v1/generation-request/{task}/cancel/", key=slow["key"])
    again = gateway.post(f"/v1/generation-request/{task}/cancel/", key=slow["key"])
    assert first.status_code == again.status_code == 200, first.text
    assert first.json()["status"] == "FAILED" and first.json()["state"] == "canceled"
    assert first.json()["failure_reason"] and first.json()["credits"] == 0
    assert gateway.get("/v1/wallet/", key=slow["key"]).json() == {"balance": 100, "held": 0, "spent": 0}
