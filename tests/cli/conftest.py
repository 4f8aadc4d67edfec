"""Commands run in an empty folder, in a terminal of 80 columns unless a test says another number."""

import pytest

from chainrule.cli import main
from support.tables import QUICK, people


@pytest.fixture(autouse=True)
def terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def of_people(tmp_path_factory):
    """The bytes of the model people.chainrule that the command line trains on the table of people: who buys."""
    folder = tmp_path_factory.mktemp("people")
    people().to_csv(folder / "people.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with pytest.raises(SystemExit) as done:
            main(["train", "people.csv", "--target", "buys", "--drop", "spends", "-q", *QUICK])
    assert not done.value.code
    return (folder / "people.chainrule").read_bytes()
