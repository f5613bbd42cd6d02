"""What every test of the layers starts from."""

import pytest


@pytest.fixture(autouse=True)
def one_thread(threads) -> None:
    """Tests run side by side. The law that any number of threads computes the same is tested in test_laws.py."""
    threads(1)
