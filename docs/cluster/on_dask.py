"""On workers of Dask."""

from dask.distributed import Client, LocalCluster
from joblib import parallel_config
from work import search, train

import chainrule as cr

if __name__ == "__main__":
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        with parallel_config(backend="dask"):
            print(search())
        X, Y = client.scatter(list(cr.datasets.flower()), broadcast=True)
        print(train(X, Y, executor=client.get_executor()))
