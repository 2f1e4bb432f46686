"""A job that was called off here is called off at its provider too, whatever comes between: it costs the operator."""

from __future__ import annotations

import pytest

from work_house import Simulator, money_is_right, until, work_gateway

CHAIR = {"image_url": "https://example.com/chair.png"}


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "stopped"])
def test_a_cancel_that_was_cut_off_on_its_way_upstream_is_taken_up_at_the_next_start(is_killed: bool):
    with Simulator() as sim, work_gateway({"fal": sim}, {"providers": {"fal": {"timeout": 20}}}) as gateway:
        sim.fault(provider="fal", fate={"end": "stuck"}, times=1)
        sim.fault(provider="fal", route="cancel", hang="before", times=1)
        task = gateway.submit(CHAIR)
        until(lambda: gateway.status(task)["state"] == "running")
        assert gateway.post(f"/v1/generation-request/{task}/cancel/").json()["state"] == "canceled"
        until(lambda: sim.count("fal", "cancel") == 1, what="the cancel is on its way")
        if is_killed:
            gateway.kill()
        else:
            gateway.stop()
        assert not sim.jobs("fal")[0]["canceled"]
        gateway.start()
        until(lambda: sim.jobs("fal")[0]["canceled"], what="nobody pays for a job that nobody wants")
        money_is_right(gateway)


def test_a_provider_that_fails_when_a_job_is_called_off_is_asked_again():
    with Simulator() as sim, work_gateway({"fal": sim}) as gateway:
        sim.fault(provider="fal", fate={"end": "stuck"}, times=1)
        sim.fault(provider="fal", route="cancel", status=503, times=1)
        task = gateway.submit(CHAIR)
        until(lambda: gateway.status(task)["state"] == "running")
        assert gateway.post(f"/v1/generation-request/{task}/cancel/").json()["state"] == "canceled"
        until(lambda: sim.jobs("fal")[0]["canceled"], what="it is asked again after two seconds")
        assert sim.count("fal", "cancel") == 2
        money_is_right(gateway)


def test_one_result_is_called_off_while_the_file_of_another_is_on_its_way():
    with Simulator() as sim, work_gateway({"fal": sim}) as gateway:
        sim.fault(provider="fal", fate={"end": "asset_slow"}, times=1)
        sim.fault(provider="fal", fate={"end": "stuck"}, times=1)
        sim.fault(provider="fal", route="asset", hang="before", times=1)
        task = gateway.submit(CHAIR | {"number_results": 2})
        until(lambda: sim.count("fal", "asset") == 1, what="a file is being fetched")
        until(lambda: "running" in {job["state"] for job in sim.jobs("fal")}, what="the other is at work")
        assert gateway.post(f"/v1/generation-request/{task}/cancel/").json()["state"] == "fetching"
        until(lambda: sum(job["canceled"] for job in sim.jobs("fal")) == 1, what="the other is called off")
        assert gateway.status(task)["state"] == "fetching"
