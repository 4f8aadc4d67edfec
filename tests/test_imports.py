"""The arrows of the plan, read from the source: who may import whom, and what an import may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule

HOUSE = Path(chainrule.__file__).parent
CORE = {"equations", "activations", "losses", "initializers", "optimizers", "schedules", "normalization", "names"}
ENGINE = {"engines", "equations", "network"}
ARROWS = {
    "names": set(),
    "blas": set(),
    "finite": set(),
    "activations": {"names"},
    "losses": {"activations", "names"},
    "initializers": {"names"},
    "optimizers": {"blas", "names"},
    "schedules": {"names"},
    "normalization": {"finite", "names"},
    "equations": {"activations", "losses"},
    "native": {"_native", "activations", "losses"},
    "network": {"activations", "blas", "equations", "finite", "initializers", "losses", "native", "normalization"},
    "interrupts": {"native"},
    "container": {"native"},
    "states": {"network"},
    "objects": {"container", "network", "states"},
    "modelfile": {"container", "network", "objects"},
    "checkpoints": {"container", "interrupts", "modelfile"},
    "engines": {"blas", "equations", "interrupts", "names", "native", "network", "optimizers"},
    "training": {"blas", "checkpoints", "native", "optimizers", *ENGINE},
    "many": {"engines", "native", "network", "training"},
    "tracing": {"equations", "network"},
    "mistakes": {"activations", "equations", "network"},
    "checking": {"equations", "mistakes", "network", "tracing"},
    "diagnosis": {"equations", "network", "tracing"},
    "plots": {"activations", "network"},
    "datasets": set(),
    "readers": {"datasets"},
    "claims": {"datasets", "many", "native", "optimizers", "plots", "readers", "tracing", "training", *ENGINE},
    "estimators": {
        "training",
        "checkpoints",
        "diagnosis",
        "finite",
        "engines",
        "many",
        "network",
        "plots",
        *CORE - {"equations"},
    },
    "exporting": {"activations", "container", "estimators", "network", "tabular"},
    "tabular": {"estimators", "optimizers", "readers", "schedules"},
}
ANYTHING = {"cli", "__main__"}  # the top of the house
# Imports inside a function, for what is needed rarely and stands above: (room, what).
UPWARDS = {("network", "training")}

FILES = sorted(path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py")


def room_of(path: Path) -> str:
    """A room is a file, or a folder since it passed 400 lines."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> set[str]:
    """Full names of all that is imported in a tree; of `from chainrule import x` chainrule.x."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write absolute imports"
            names = {f"chainrule.{alias.name}" for alias in node.names}
            found |= names if node.module == "chainrule" else {node.module or ""}
    return found


def ours(found: set[str]) -> set[str]:
    rooms = {name.split(".")[1] for name in found if name.startswith("chainrule.")}
    return rooms - {"__version__"}


def at_module_level(path: Path) -> set[str]:
    """What loads with the module: no imports in functions, none for the type checker only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))

    class Prune(ast.NodeTransformer):
        def visit_FunctionDef(self, node):
            return ast.Pass()

        visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

        def visit_If(self, node):
            return ast.Pass() if "TYPE_CHECKING" in ast.unparse(node.test) else self.generic_visit(node)

    return imports(Prune().visit(tree))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_every_module_imports_only_what_stands_below_it(path):
    room = room_of(path)
    if room in ANYTHING:
        return
    assert room in ARROWS, f"{room} is new: say here what it may import"
    found = ours(imports(ast.parse(path.read_text(encoding="utf-8")))) - {room}
    extra = {name for name in found - ARROWS[room] if (room, name) not in UPWARDS}
    assert not extra, f"{room} must not import {extra}"
    assert not {name for name in ours(at_module_level(path)) if (room, name) in UPWARDS}


def test_the_one_look_upwards_is_in_train_and_for_types():
    tree = ast.parse((HOUSE / "network.py").read_text(encoding="utf-8"))
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and "training" in ours(imports(n))]
    assert [function.name for function in functions] == ["train"]


def test_the_arrows_have_no_cycle_and_are_the_ones_in_the_plan():
    graph = {}
    for path in FILES:
        graph.setdefault(room_of(path), set()).update(ours(at_module_level(path)) - {room_of(path)})
    done = {"_native"}  # written in C++
    while graph.keys() - done:
        free = {room for room in graph if room not in done and graph[room] <= done}
        assert free, f"a cycle among {sorted(graph.keys() - done)}"
        done |= free


@pytest.mark.parametrize("room", sorted({*CORE, "network", "engines", "training", "many"}))
def test_the_core_needs_numpy_and_nothing_else_to_load(room):
    outside = {name.split(".")[0] for name in at_module_level(HOUSE / f"{room}.py")} - {"chainrule", "numpy"}
    assert outside <= sys.stdlib_module_names


def test_the_heart_names_no_array_library():
    assert imports(ast.parse((HOUSE / "equations.py").read_text(encoding="utf-8"))) <= {"collections.abc", "typing"}


def loaded_by(code: str) -> set[str]:
    """The packages in a fresh interpreter after this code."""
    program = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())


USING_THE_CORE = """
import chainrule as cr
net = cr.Network([2, 3, 1], hidden="tanh", seed=0)
X, Y = cr.datasets.flower(20)
for step in net.train(X, Y, cr.Adam(0.01), epochs=2, batch_size=5, schedule=cr.schedules.Cosine(2)):
    pass
cr.losses, cr.activations, cr.DivergenceError, cr.Step, cr.GradientDescent, cr.LBFGS
dir(cr)
"""


def test_importing_chainrule_loads_what_numpy_loads():
    # Counted in modules, not in seconds, so that a busy machine cannot fail it: beyond NumPy and what Python itself
    # brings, importing and training load chainrule only. (gelu and LBFGS ask for SciPy when they are used.)
    plain = loaded_by("import numpy, numpy.random") | sys.stdlib_module_names
    assert loaded_by("import chainrule") - plain == {"chainrule"}
    assert loaded_by(USING_THE_CORE) - plain == {"chainrule"}


def test_importing_chainrule_adds_little_of_the_standard_library():
    extra = loaded_by("import chainrule") - loaded_by("import numpy")
    assert not extra & {"asyncio", "concurrent", "http", "multiprocessing", "unittest", "urllib", "xml"}


def test_public_names_are_found_and_others_are_not():
    core = ("Network", "GradientDescent", "Momentum", "HeavyBall", "Nesterov", "RMSProp", "Adam", "AdamW", "LBFGS")
    for name in (*core, "datasets", "schedules", "Step", "DivergenceError", "train_many", "Each"):
        assert getattr(chainrule, name) is not None
        assert name in dir(chainrule)
    with pytest.raises(AttributeError, match="has no attribute 'Netwrok'"):
        chainrule.Netwrok  # noqa: B018
