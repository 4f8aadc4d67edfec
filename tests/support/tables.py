"""Tables: a small one with every kind of column, and the data sets of the folder shared/ beside this repository."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
QUICK = ("--effort", "quick", "--hidden", "8", "--epochs", "3")  # options of `chainrule train`


def people(m: int = 80, seed: int = 0) -> pd.DataFrame:
    """Numbers with gaps, categories, booleans, dates; `buys` (two classes) and `spends` (a number) to predict."""
    r = np.random.default_rng(seed)
    age = r.integers(18, 80, m) + 0.5
    city = r.choice(["Rome", "Oslo", "Lima"], m)
    since = [f"2024-01-0{day}" for day in r.integers(1, 9, m)]
    frame = pd.DataFrame({"age": age, "city": city, "member": age > 40, "since": since})
    frame.loc[::7, "age"] = None
    return frame.assign(buys=np.where((age > 45) ^ (city == "Oslo"), "yes", "no"), spends=age * 2.25 + (city == "Rome"))


def shared(name: str = "") -> Path:
    """A file of the folder, or the folder; the test is skipped where it is not there."""
    if not (SHARED / name).exists():
        pytest.skip(f"shared/data/{name} is not beside this repository")
    return SHARED / name
