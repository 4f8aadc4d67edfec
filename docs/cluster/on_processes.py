"""On processes of this machine."""

from concurrent.futures import ProcessPoolExecutor

from joblib import parallel_config
from work import search, train

import chainrule as cr

if __name__ == "__main__":
    with parallel_config(backend="loky", n_jobs=2):
        print(search())
    with ProcessPoolExecutor(2) as pool:
        print(train(*cr.datasets.flower(), executor=pool))
