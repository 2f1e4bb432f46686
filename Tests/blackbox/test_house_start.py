"""The house: it starts, says where, stops, and guards its data directory."""

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import time

import httpx
import pytest

from gateway import Gateway, binary, data_uri
from sockets import Client, head


def test_a_request_goes_all_the_way(gateway):
    task = gateway.submit({"image": data_uri(), "textures": True, "generate_thumbnail": True})
    body = gateway.finished(task)
    assert body["status"] == "FINISHED", body
    result = body["results"][0]
    model = gateway.get(result["asset"], key=None)
    assert model.status_code == 200
    assert model.content[:4] == b"glTF"
    assert gateway.get(result["thumbnail"], key=None).content[:8] == b"\x89PNG\r\n\x1a\n"


def test_answers_are_labelled_as_the_sandbox(gateway):
    body = gateway.finished(gateway.submit())
    assert body["provider"] == "sandbox"


def test_the_data_directory_is_for_its_owner_only(gateway):
    assert stat.S_IMODE(os.stat(gateway.data).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(gateway.data / "control.sock").st_mode) == 0o600


def test_a_second_process_on_the_directory_says_who_holds_it(gateway):
    config = gateway.home / "second.json5"
    config.write_text(json.dumps(gateway.effective_config | {"listen": "127.0.0.1:0"}))
    second = subprocess.run(
        [str(binary()), "serve", "--config", str(config)], capture_output=True, text=True, timeout=30, cwd=gateway.home
    )
    assert second.returncode == 1
    assert str(gateway.pid) in second.stderr
    assert gateway.get("/healthz", key=None).status_code == 200


def test_sigterm_lets_the_work_under_way_end():
    with Gateway() as g:
        with httpx.Client() as client:
            task = g.submit()
            with client.stream(
                "GET", f"{g.url}/v1/generation-request/{task}/events/", headers={"Authorization": f"Bearer {g.key}"}
            ) as stream:
                assert stream.status_code == 200
                assert g.stop() == 0


def test_work_goes_on_after_sigkill():
    with Gateway(config={"providers": {"sandbox": {"duration": 2}}}) as g:
        task = g.submit()
        g.kill()
        g.start()
        assert g.finished(task)["status"] == "FINISHED"


def test_a_signal_while_it_starts_is_heard(gateway):
    for round in range(6):
        gateway.stop()
        gateway.spawn()
        # Somewhere between its first line of code and its first answer.
        time.sleep(round * 0.03)
        gateway.signal(signal.SIGTERM)
        assert gateway.process.wait(30) in (0, -signal.SIGTERM)


def test_a_second_signal_ends_it_at_once():
    with Gateway() as g, Client(g.port) as upload:
        # A body that never comes whole holds it, as long as it has patience.
        fields = ("Content-Type: application/json", "Content-Length: 1000", "Expect: 100-continue")
        upload.send(head("POST", "/v1/3d-models/trellis2/generate/", g.key, *fields))
        assert upload.answer().status == 100
        upload.send('{"image": "')
        g.signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            g.process.wait(1)
        g.signal(signal.SIGINT)
        assert g.process.wait(5) == 130


def test_a_disk_without_room_refuses_new_work_and_says_so():
    with Gateway(config={"assets": {"reserve_bytes": 1 << 60}}) as g:
        answer = g.post("/v1/3d-models/trellis2/generate/", json={"image": data_uri()})
        assert answer.status_code == 503 and answer.json()["error"]["request_id"], answer.text
        assert g.get("/v1/wallet/").json()["held"] == 0
        ready = g.get("/readyz")
        assert ready.status_code == 503
        assert [problem["check"] for problem in ready.json()["problems"]] == ["disk"]


def test_a_gateway_on_a_unix_socket():
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        path = f"{folder}/g.sock"
        with Gateway(config={"listen": ["127.0.0.1:0", f"unix:{path}"]}) as g:
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(path)
            connection.request("GET", "/v1/wallet/", headers={"Authorization": f"Bearer {g.key}"})
            assert connection.getresponse().status == 200
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
