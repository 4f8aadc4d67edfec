"""A table as shops export it: docs/orders.csv, which the README and tables.md learn from."""

from pathlib import Path

import numpy as np
import pandas as pd

M = 600
r = np.random.default_rng(0)
item = r.choice(["shoes", "jacket", "lamp", "tent", "bicycle"], M, p=[0.35, 0.25, 0.2, 0.12, 0.08])
worth = np.select([item == "shoes", item == "jacket", item == "lamp", item == "tent"], [80, 120, 40, 250], 900)
price = worth * r.lognormal(0, 0.3, M)
discount = r.choice([0, 5, 10, 20, 30, 40], M, p=[0.4, 0.15, 0.15, 0.1, 0.1, 0.1])
weight = worth / 60 * r.lognormal(0, 0.2, M)
rating = r.integers(1, 6, M)
ordered = pd.Timestamp("2024-01-01") + pd.to_timedelta(r.integers(0, 366, M), unit="D")
country = r.choice(["DE", "FR", "IT", "AT"], M, p=[0.5, 0.25, 0.15, 0.1])
shoes = item == "shoes"
odds = -3 + 6 * shoes * (discount >= 20) + 5 * ~shoes * (rating <= 2) + 5 * (country == "FR") * (price > 130)
returned = r.random(M) < 1 / (1 + np.exp(-odds))

orders = pd.DataFrame(
    {
        "order": [f"A-{10_000 + 7 * i}" for i in range(M)],
        "ordered": ordered.strftime("%d.%m.%Y"),
        "country": country,
        "item": item,
        "price": [f"€{value:,.2f}" for value in price],
        "discount": [f"{value}%" for value in discount],
        "weight": [f"{value:.1f} kg" for value in weight],
        "rating": np.where(r.random(M) < 0.15, "n/a", rating.astype(str)),
        "returned": np.where(returned, "yes", "no"),
    }
)
orders.to_csv(Path(__file__).with_suffix(".csv"), index=False)
