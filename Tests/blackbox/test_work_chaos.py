"""A short run of `make chaos`: SIGKILL at random moments, and every job and every credit accounted for."""

import random

from chaos import Chaos


def test_nothing_is_lost_paid_twice_or_left_unrefunded_however_often_it_is_killed():
    seed = random.SystemRandom().randrange(1 << 32)
    assert Chaos(seed, rounds=8, scale=0.02).run() == [], f"repeat with: Tests/blackbox/chaos.py --seed {seed} --rounds 8"
