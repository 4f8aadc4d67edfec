"""What the system takes away: threads, memory, and the interpreter itself, while the kernel runs."""

import os
import subprocess
import sys

import pytest

from chainrule.engines import kernel

pytestmark = [
    pytest.mark.skipif(not kernel.BUILT, reason="the kernel is not built"),
    pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them"),
]

in_bounds = pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer takes address space without bounds"
)


def begun(*program, **environment):
    command = [sys.executable, "-c", "\n".join(program)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env={**os.environ, **environment}, **streams)


def ended(process):
    """What a process has printed, its errors, and its exit code."""
    with process:
        try:
            return (*process.communicate(timeout=120), process.returncode)
        finally:
            process.kill()


# -- the interpreter ends ----------------------------------------------------------------------------------------------

END = """
import atexit, os, sys, threading, time
atexit.register(lambda: print("first in, last out", net.forward(X[:, :2]).shape, flush=True))
import numpy as np, chainrule as cr
atexit.register(lambda: print("last in, first out", net.forward(X[:, :2]).shape, flush=True))
X = np.random.default_rng(0).standard_normal((64, 4000))
Y = (X[:1] > 0) * 1.0
flower = cr.datasets.flower()
network = lambda seed=0: cr.Network([64, 256, 1], seed=seed)
net, small = network(), lambda seed=0: cr.Network([2, 4, 1], seed=seed)
inside = threading.Event()

def forever():
    try:
        while True:
            work()
            inside.set()
    except SystemExit:
        raise
    except BaseException:
        os._exit(99)

def end(count=1):
    for _ in range(count):
        threading.Thread(target=forever, daemon=True).start()
    inside.wait(0.3)
    time.sleep(float(sys.argv[1]))
    sys.exit(3)
"""

IN_A_DAEMON_THREAD = {
    "a training": "work = lambda: list(net.train(X, Y, cr.Adam(), epochs=10**6, batch_size=500))\nend()",
    "a training with checkpoints": """
path = f"{os.environ['FOLDER']}/{os.getpid()}"
work = lambda: list(net.train(X, Y, cr.Adam(), epochs=10**6, batch_size=500, checkpoint=path, checkpoint_every=1))
end()""",
    "short trainings": "work = lambda: list(small().train(*flower, cr.Adam(), epochs=10))\nend()",
    "predictions": "work = lambda: net.forward(X)\nend()",
    "short predictions in eight threads": "other = small()\nwork = lambda: other.forward(flower[0])\nend(8)",
    "gradients": "work = lambda: net.gradients(X, Y)\nend()",
    "L-BFGS": "work = lambda: list(net.train(X, Y, cr.optimizers.LBFGS(), epochs=10**6))\nend()",
    "train_many": """
work = lambda: cr.train_many([network(i) for i in range(4)], X, Y, cr.Adam(), epochs=10**6, batch_size=500)
end()""",
    "short calls of train_many": """
work = lambda: cr.train_many([small(i) for i in range(4)], *flower, cr.Adam(), epochs=10)
end()""",
    "a search": """
model = cr.MLPClassifier((50,), max_iter=10**6, n_iter_no_change=10**6)
work = lambda: cr.GridSearchCV(model, {"alpha": [1, 0.1, 0.01]}).fit(X.T, Y[0] > 0)
end()""",
    "the reference": "work = lambda: list(net.train(X, Y, cr.Adam(), epochs=10**6, engine='numpy'))\nend()",
    "a call that is made again and again": """
def work():
    try:
        net.forward(X[:, :100])
    except BaseException:
        pass
end()""",
}


@pytest.mark.parametrize("work", IN_A_DAEMON_THREAD)
def test_the_interpreter_ends_with_its_exit_code_while_a_daemon_thread_is_in(work, tmp_path):
    program = END + IN_A_DAEMON_THREAD[work]
    moments = (0, 0.07, 0.2) if work in ("a training", "short trainings", "predictions", "gradients") else (0, 0.1)
    processes = [begun(f"import sys; sys.argv = ['', {moment}]", program, FOLDER=str(tmp_path)) for moment in moments]
    lines = "last in, first out (1, 2)\nfirst in, last out (1, 2)\n"  # the main thread has the kernel to the end
    assert [ended(process) for process in processes] == [(lines, "", 3)] * len(moments)


def test_a_forked_process_ends_though_a_thread_of_its_parent_was_in_the_kernel():
    out, _, code = ended(
        begun(
            "import sys; sys.argv = ['', 0.3]",
            END,
            "work = lambda: net.forward(X)",
            "threading.Thread(target=forever, daemon=True).start()",
            "inside.wait()",
            "if not (child := os.fork()): sys.exit(4)",
            "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))",
        )
    )
    assert (code, len(out.splitlines())) == (4, 4)


@pytest.mark.parametrize("optimizer", ["Adam", "optimizers.LBFGS"])
def test_a_training_that_nobody_has_ended_lets_the_interpreter_end(optimizer):
    head = "import chainrule as cr; net = cr.Network([2, 20, 1], seed=0)"
    train = f"training = net.train(*cr.datasets.flower(), cr.{optimizer}(), epochs=100); next(training)"
    assert ended(begun(head, train)) == ("", "", 0)


# -- the system refuses a thread ---------------------------------------------------------------------------------------

# A thread takes the address space of its stack, which is as large as the limit of the main thread's.
FEW_THREADS = """
import resource, sys, os, threading, warnings
stack = 1 << 30
if "AGAIN" not in os.environ:
    resource.setrlimit(resource.RLIMIT_STACK, (stack, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    os.environ.update(AGAIN="1", OMP_NUM_THREADS="8", OPENBLAS_NUM_THREADS="1")
    os.execv(sys.executable, [sys.executable, "-c", open("/proc/self/cmdline").read().split(chr(0))[2]])
import numpy as np, chainrule as cr
import scipy.optimize, sklearn.model_selection
warnings.simplefilter("ignore")
X = np.random.default_rng(0).standard_normal((128, 4000))
Y = np.eye(10)[:, np.arange(4000) % 10].copy()
network = lambda seed=0: cr.Network([128, 512, 10], output="softmax", seed=seed)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
"""
RESULTS = """
net = network()
print([s.cost for s in net.train(X, Y, cr.Adam(), epochs=3, batch_size=1000, l2=0.1, clip_norm=1.0, seed=0)])
print(net.forward(X).sum(), net.gradients(X, Y)[0])
runs = cr.train_many([network(seed) for seed in range(3)], X, Y, cr.Adam(), epochs=2, seed=0)
print([steps[-1].cost for steps in runs])
model = cr.MLPClassifier((5,), max_iter=2, random_state=0)
search = cr.GridSearchCV(model, {"alpha": [1, 0.1]}, cv=2).fit(X.T, Y.argmax(0))
print(search.cv_results_["mean_test_score"], threading.active_count())
"""


@in_bounds
def test_where_the_system_refuses_threads_fewer_give_the_same_bits():
    limits = [f"room = {threads} * stack + stack // 2" for threads in (0, 3)]  # none, and some
    limit = "resource.setrlimit(resource.RLIMIT_AS, (used + room,) * 2)"
    processes = [begun(FEW_THREADS, RESULTS), *(begun(FEW_THREADS, room, limit, RESULTS) for room in limits)]
    wanted, *found = map(ended, processes)
    assert len(wanted[0].splitlines()) == 4
    assert [(out, code) for out, _, code in [wanted, *found]] == [(wanted[0], 0)] * 3


@in_bounds
def test_l_bfgs_without_a_thread_for_its_solver_says_what_it_needs():
    limit = "resource.setrlimit(resource.RLIMIT_AS, (used + stack // 2,) * 2)"
    train = "list(network().train(X, Y, cr.optimizers.LBFGS(), epochs=2))"
    fit = "print(cr.MLPClassifier((5,), solver='lbfgs', max_iter=2).fit(X.T, Y.argmax(0)).n_iter_)"
    _, errors, code = ended(begun(FEW_THREADS, limit, train))
    assert (code, "RuntimeError: L-BFGS: the system refuses a thread" in errors) == (1, True)
    assert ended(begun(FEW_THREADS, limit, fit))[::2] == ("2\n", 0)


@in_bounds
def test_pictures_are_read_without_a_thread(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(4):
            image.new("L", (8, 8), 40 * i).save(tmp_path / name / f"{i}.png")
    read = f"print(readers.read({str(tmp_path)!r}).X.sum())"
    limit = "resource.setrlimit(resource.RLIMIT_AS, (used + stack // 2,) * 2)"
    processes = [
        begun(FEW_THREADS, "import PIL.Image; from chainrule import readers", *lines)
        for lines in ([read], [limit, read])
    ]
    found = [ended(process)[::2] for process in processes]
    assert found[0] == found[1]
    assert found[0][1] == 0


# -- memory runs out ---------------------------------------------------------------------------------------------------

# `make tsan` refuses each allocation of the kernel; here those that matter, through the doors that people use.
LITTLE_MEMORY = """
import gc, resource
import numpy as np, chainrule as cr
from chainrule.engines import ENGINES
from chainrule.training.train import prepare

engine = ENGINES["native"]
X = np.random.default_rng(0).standard_normal((1000, 64))
Y = X[:1].copy()
network = lambda: cr.Network([1000, 2000, 1], hidden="tanh", output="identity", seed=0)
hard = resource.getrlimit(resource.RLIMIT_AS)[1]

def refused(room, function):
    gc.collect()
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room, hard))
    try:
        function()
        return False
    except MemoryError as error:
        assert "too little memory" in str(error) or "Unable to allocate" in str(error)
        return True
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))

def state(**options):
    net = network()
    return prepare(net, net.check_examples(X, Y), cr.Adam(1e-4), seed=0, **options)

def training(l2=1.0, **options):
    s = state(l2=l2, **options)
    return lambda: (engine.run(s, 1), s.epoch, s.memory.batches, s.network.parameters.sum())

def gradients():
    net = network()
    objective = engine.objective(net, X, Y, None, 100.0)
    return lambda: [np.sum(part) for part in objective(net.parameters)]

def outputs():
    net = network()
    return lambda: (net.forward(X).sum(), net.cost(X, Y, l2=1.0))

refusals = 0
options = {"batch_size": 20}, {"clip_norm": 0.1, "dropout": 0.2}
kinds = training, *(lambda options=options: training(**options) for options in options), gradients, outputs
for kind in kinds:
    wanted = kind()()
    for room in range(0, 160 << 20, 8 << 20):
        function = kind()
        if not refused(room, function):
            break
        assert function() == wanted, room
        refusals += 1
assert not refused(160 << 20, kind())
print(refusals)
"""


@in_bounds
def test_a_call_that_had_too_little_memory_gives_the_same_bits_when_it_is_made_again():
    # What is freed is given back; and threads have no arenas, in whose reserves there is memory when all is refused.
    out, errors, code = ended(begun(LITTLE_MEMORY, MALLOC_MMAP_THRESHOLD_="65536", MALLOC_ARENA_MAX="1"))
    assert (code, errors) == (0, "")
    assert int(out) >= 10


# -- the quota of a container ------------------------------------------------------------------------------------------

FILES = {
    "none": ({"proc/self/cgroup": "0::/\n"}, 0),
    "no limit": ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, 0),
    "its own": ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n"}, 1.5),
    "that of the group above": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        },
        2,
    ),
    "at the top, as in a container": (
        {"proc/self/cgroup": "0::/docker/f00\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
        0.5,
    ),
    "of the first version": (
        {
            "proc/self/cgroup": "9:name=systemd:/\n3:cpu,cpuacct:/a\n2:cpuset:/b\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
        },
        3,
    ),
    "of the first version, no limit": (
        {
            "proc/self/cgroup": "1:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        0,
    ),
    "nonsense": ({"proc/self/cgroup": "0\n::\n0::a\n", "sys/fs/cgroup/cpu.max": "many few\n"}, 0),
}


@pytest.mark.parametrize("name", FILES)
def test_the_quota_of_a_container_is_read(name, tmp_path):
    files, quota = FILES[name]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert kernel.module().cpu_quota(f"{tmp_path}/") == quota


def test_threads_are_no_more_than_the_quota():
    quota = kernel.module().cpu_quota()
    assert not quota or kernel.module().available_threads() <= max(1, -(-quota // 1))
