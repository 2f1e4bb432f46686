"""A CI-sized share of the soak: mixed load with faults, kills and reloads, and everything right at the end."""

from soak import Soak


def test_twenty_seconds_of_everything_leave_nothing_wrong():
    findings = Soak(20, seed=1, clients=4, kill_every=3, verbose=False).run()
    wrong = {name: what for name, what in findings.items() if what.startswith("WRONG")}
    assert not wrong, findings
