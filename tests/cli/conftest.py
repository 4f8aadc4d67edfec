"""Commands run in an empty folder, in a terminal of 80 columns unless a test says another number."""

import pytest


@pytest.fixture(autouse=True)
def terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
