"""One contender, one training, one process: what somebody meets who runs a script. Called by speed.py and load.py.

    python benchmarks/once.py train|check CASE CONTENDER [--dtype float32] [--trainings 4] [--after numpy|torch]
    python benchmarks/once.py fit DATA CONTENDER [--dtype float32] [--trainings 4]

Prints JSON. The data are in memory, the libraries are loaded (PyTorch loads a second part of itself with the first
optimizer: it is made before), and the process rests for 0.4 s. Then the clock runs over the first training, with all
that happens in it for the first time, and over the same training again and again. `--after`: right before each
training, instead of the rest, products of that library, whose threads go on spinning. The threads are those that the
environment allows, as for every script.
"""

import argparse
import json
import time
import warnings

from cases import CASES, FITS, HALF, OTHERS, fit_data
from contenders import Chainrule, Jax, ScikitLearn, Torch, check
from timing import CORES

import chainrule as cr
from chainrule.engines import kernel

REST = 0.4  # seconds
LONGEST = 2.0  # seconds of warm trainings that are enough
KINDS = {"chainrule": Chainrule, "PyTorch": Torch, "scikit-learn": ScikitLearn, "JAX": Jax}
UNKNOWN = 3  # exit code: a library that is not there, or does not have what the case asks for


def remember_trainers():
    """A list that gets every trainer that the kernel makes from now on."""
    made, make = [], kernel.trainer

    def remembered(*args, **options):
        made.append(make(*args, **options))
        return made[-1]

    kernel.trainer = remembered
    return made


def storm(library):
    """A function that multiplies large matrices for some tenths of a second."""
    if library is None:
        return lambda: None
    if library == "torch":
        import torch

        A = torch.rand(2048, 2048)
    else:
        import numpy as np

        A = np.random.default_rng(0).random((2048, 2048), np.float32)
    return lambda: [A @ A for _ in range(6)]


def timed(call, before, trainings):
    """Seconds of each training; fewer where they take long, but a warm one."""
    seconds = []
    while len(seconds) < trainings and (len(seconds) < 2 or sum(seconds[1:]) < LONGEST):
        before()
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return seconds


def train(case, arguments, options):
    contender = KINDS[arguments.contender](case, arguments.dtype, **options)
    storms = storm(arguments.after)

    def before():
        if hasattr(contender, "reset") and arguments.contender != "scikit-learn":  # its fit begins anew by itself
            contender.reset()
        storms()

    trainers = remember_trainers()
    time.sleep(REST)
    seconds = timed(lambda: contender.train(case.epochs), before, arguments.trainings)
    result = {"first": seconds[0], "warm": seconds[1:], "steps": case.epochs * case.steps, "flops": case.flops}
    if trainers:
        result["threads"] = trainers[0].threads
    return result


def fit(arguments):
    X, y = fit_data(arguments.name, arguments.dtype)
    options = {"max_iter": FITS[arguments.name][0], "tol": 0, "n_iter_no_change": 10**9, "random_state": 0}
    if arguments.contender == "chainrule":
        kind = cr.MLPClassifier
    else:
        from sklearn.neural_network import MLPClassifier

        kind = MLPClassifier
    made = []
    time.sleep(REST)
    seconds = timed(lambda: made.append(kind(**options).fit(X, y)), lambda: None, arguments.trainings)
    return {"first": seconds[0], "warm": seconds[1:], "loss": made[0].loss_}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "check", "fit"))
    parser.add_argument("name", metavar="CASE")
    parser.add_argument("contender", choices=KINDS)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--trainings", type=int, default=4, help="the first one, and the warm ones after it")
    parser.add_argument("--after", choices=("numpy", "torch"))
    parser.add_argument("--engine", default="native", help="of chainrule")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    options = {"engine": arguments.engine} if arguments.contender == "chainrule" else {}
    case = None if arguments.what == "fit" else (CASES | OTHERS | HALF)[arguments.name]
    try:
        if arguments.what == "train":
            result = train(case, arguments, options)
        elif arguments.what == "fit":
            result = fit(arguments)
        else:
            kind = KINDS[arguments.contender]
            result = check(lambda case, dtype: kind(case, dtype, CORES, **options), case, arguments.dtype)
    except ImportError as error:
        print(error)
        raise SystemExit(UNKNOWN) from None
    except (TypeError, ValueError) as error:
        if case is None or case.precision is None:
            raise
        print(error)  # a chainrule, or a processor, without such products
        raise SystemExit(UNKNOWN) from None
    print(json.dumps(result))


if __name__ == "__main__":
    main()
