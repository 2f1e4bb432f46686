"""An operator sends one event again by the id that its receiver names."""

from __future__ import annotations

import json

from gateway import Gateway, data_uri
from webhook_receiver import Receiver, endpoint


def test_one_event_is_sent_again_by_its_id_with_the_same_bytes():
    receiver, other = Receiver(), Receiver()
    try:
        with Gateway(config={"providers": {"sandbox": {"duration": 0.05}}}) as gateway:
            made = endpoint(gateway, receiver.url, events=["task.finished"])
            endpoint(gateway, other.url, events=["task.finished"])
            task = gateway.submit({"image": data_uri()})
            (headers, body), _ = receiver.wait(1)[0], other.wait(1)
            assert json.loads(body)["data"]["task_id"] == task
            name = headers["webhook-id"]
            answer = json.loads(gateway.cli("webhooks", "replay", "--event", name, "--json").stdout)
            assert answer == {"replayed": 2}
            again, same = receiver.wait(2)[1], other.wait(2)[1]
            assert again[0]["webhook-id"] == same[0]["webhook-id"] == name
            assert again[1] == same[1] == body
            run = gateway.cli("webhooks", "replay", "--event", name, "--endpoint", made["id"], "--json")
            assert json.loads(run.stdout) == {"replayed": 1}
            receiver.wait(3)

            wrong = gateway.cli("webhooks", "replay", "--event", task, check=False)
            assert wrong.returncode and "event" in wrong.stderr
            none = gateway.cli("webhooks", "replay", check=False)
            assert none.returncode and "endpoint or event is required" in none.stderr
            both = gateway.cli("webhooks", "replay", "--event", name, "--since", "2026-11-20T00:00:00Z", check=False)
            assert both.returncode and "without since" in both.stderr
    finally:
        receiver.close()
        other.close()
