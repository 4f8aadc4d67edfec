"""On workers of Ray."""

import ray
from joblib import parallel_config
from ray.util.joblib import register_ray
from work import search, train

import chainrule as cr


class RayExecutor:
    """`map` as concurrent.futures has it, in tasks of Ray."""

    def map(self, function, *iterables):
        task = ray.remote(function)
        return map(ray.get, [task.remote(*arguments) for arguments in zip(*iterables, strict=True)])


if __name__ == "__main__":
    ray.init(num_cpus=2)
    register_ray()
    with parallel_config(backend="ray", n_jobs=2):
        print(search())
    X, Y = map(ray.put, cr.datasets.flower())
    print(train(X, Y, executor=RayExecutor()))
