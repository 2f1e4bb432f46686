"""The house: it starts, says where, stops, and guards its data directory."""

import json
import os
import signal
import stat
import subprocess

import httpx

from gateway import Gateway, binary, data_uri


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


def test_a_second_signal_ends_it_at_once():
    with Gateway(config={"providers": {"sandbox": {"duration": 30}}}) as g:
        task = g.submit()
        with httpx.Client() as client, client.stream(
            "GET", f"{g.url}/v1/generation-request/{task}/events/", headers={"Authorization": f"Bearer {g.key}"}
        ):
            g.signal(signal.SIGTERM)
            g.signal(signal.SIGINT)
            assert g.process.wait(10) in (0, 130)
