"""What every black-box test may ask for."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from gateway import Gateway  # noqa: E402


def pytest_configure(config):
    """What a thread raises fails its test, too: it may be the very thing that the test is about."""
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def gateway():
    """A gateway of its own, sandbox only, stopped at the end."""
    with Gateway() as running:
        yield running


@pytest.fixture(scope="module")
def shared_gateway():
    """One gateway for all the tests of a file that do not mind each other."""
    with Gateway() as running:
        yield running
