"""The arrows of the plan, read from the source: who may import whom, and what an import may cost."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule
from chainrule.files import codec

HOUSE = Path(chainrule.__file__).parent
# From the ground to the roof; what stands in one line knows nothing of its neighbors.
ORDER = [
    {"elsewhere"},
    {"_native", "_types", "_version", "equations", "errors", "text"},
    {"activations", "checks"},
    {"datasets", "initializers", "layout", "losses", "normalization", "optimizers", "schedules"},
    {"engines", "readers"},
    {"files"},
    {"blocks"},
    {"inputs", "training"},
    {"network", "progress"},
    {"interchange", "plots", "working"},
    {"claims", "estimators", "quiz"},
    {"tabular"},
    {"exporting"},
    {"lab"},
    {"cli"},
    {"__main__"},
]
# What each room imports when the program runs, at the top of a file or inside a function: all of it, and nothing else.
ARROWS = {
    "__main__": "cli",
    "activations": "text",
    "blocks": "_types checks engines errors files readers text",
    "checks": "_native _types elsewhere text",
    "claims": "_types _version datasets engines equations errors network optimizers plots readers training working",
    "cli": "_version activations blocks claims datasets engines errors exporting files lab plots quiz readers tabular "
    "text working",
    "datasets": "checks text",
    "engines": "_native _types activations equations errors layout losses optimizers text",
    "estimators": "_types activations blocks checks engines equations errors files losses network normalization "
    "optimizers plots schedules text training working",
    "exporting": "_types _version activations errors estimators files network tabular text",
    "files": "_types _version checks engines errors text",
    "initializers": "_types activations text",
    "inputs": "_types checks engines equations text",
    "interchange": "_types errors losses network normalization text",
    "lab": "_types _version activations checks datasets engines equations errors exporting files initializers "
    "layout losses network normalization optimizers quiz readers tabular text training working",
    "layout": "_types checks text",
    "losses": "activations text",
    "network": "_types activations checks elsewhere engines equations initializers inputs layout losses "
    "normalization training",
    "normalization": "_types checks text",
    "optimizers": "_types checks text",
    "plots": "_types activations checks files network",
    "progress": "training",
    "quiz": "errors",
    "readers": "datasets errors text",
    "schedules": "checks",
    "tabular": "_types activations blocks checks errors estimators files inputs network optimizers readers "
    "schedules text",
    "text": "elsewhere",
    "training": "_types checks engines errors files optimizers schedules text",
    "working": "_types activations checks engines equations losses network optimizers text",
}
# What is known for the sake of its type only, in annotations.
IN_ANNOTATIONS = {
    "blocks": "network",
    "cli": "_types",
    "engines": "network",
    "inputs": "network",
    "training": "network",
}
# Rooms that model files name, and files loads by that name when a file or a model asks for it (codec.PLACES).
BY_NAME = "estimators network normalization optimizers schedules tabular"
# What is above a room and named by it all the same: skl2onnx asks an estimator for its converter.
UPWARDS = {"estimators": {"chainrule.exporting.skl2onnx"}}

FILES = sorted(path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py")
LOCAL = ast.FunctionDef | ast.AsyncFunctionDef


def room_of(path: Path) -> str:
    """A room is a file, or a folder since it passed 400 lines."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports(node: ast.AST, *, lazy: bool = True, types: bool = False) -> set[str]:
    """Full names of all that is imported in a tree; of `from chainrule import x` chainrule.x.

    lazy: also inside functions. types: only for the type checker, instead of what is imported by a running program.
    """
    found = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            found |= imports(child) if types else set()
        elif isinstance(child, ast.Import | ast.ImportFrom) and not types:
            found |= names(child)
        elif lazy or not isinstance(child, LOCAL):
            found |= imports(child, lazy=lazy, types=types)
    return found


def names(node: ast.Import | ast.ImportFrom) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    assert node.level == 0, "write absolute imports"
    return {f"chainrule.{alias.name}" for alias in node.names} if node.module == "chainrule" else {node.module or ""}


def ours(found: set[str]) -> set[str]:
    return {name.split(".")[1] for name in found if name.startswith("chainrule.")}


def tree(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


def rooms(**options: bool) -> dict[str, set[str]]:
    """Room → the others that its files import."""
    found: dict[str, set[str]] = {}
    for path in FILES:
        room = room_of(path)
        found.setdefault(room, set()).update(ours(imports(tree(path), **options)) - {room})
    return {room: others for room, others in found.items() if others}


def test_every_room_imports_what_the_plan_says_and_nothing_in_the_plan_is_unused():
    assert rooms() == {room: set(others.split()) for room, others in ARROWS.items()}


def test_every_room_is_on_a_floor_and_no_arrow_points_up_or_to_a_neighbor():
    floor = {room: i for i, level in enumerate(ORDER) for room in level}
    assert set(floor) == {room_of(path) for path in FILES} | {"_native"}
    up = {(room, other) for room, others in rooms().items() for other in others if floor[other] >= floor[room]}
    assert up == set()


def test_what_is_only_annotated_is_what_the_plan_says():
    running = rooms()
    only = {room: others - running.get(room, set()) for room, others in rooms(types=True).items()}
    assert {room: others for room, others in only.items() if others} == {
        room: set(others.split()) for room, others in IN_ANNOTATIONS.items()
    }


def test_model_files_name_what_the_plan_says():
    assert ours({place.partition(":")[0] for place in codec.PLACES.values()}) == set(BY_NAME.split())


def test_modules_that_are_imported_by_a_name_in_the_source_are_what_the_plan_says():
    found: dict[str, set[str]] = {}
    for path in FILES:
        names = re.findall(r'import_module\("(chainrule[\w.]*)"\)', path.read_text(encoding="utf-8"))
        found.setdefault(room_of(path), set()).update(names)
    assert {room: names for room, names in found.items() if names} == UPWARDS


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_no_file_imports_through_the_facade_or_is_longer_than_400_lines(path):
    found = imports(tree(path)) | imports(tree(path), types=True)
    files = {path.relative_to(HOUSE).parts[0].removesuffix(".py") for path in FILES} | {"_native"}
    assert "chainrule" not in found
    assert ours(found) <= files, "a name from the facade: import it from the module where it is"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


CORE = [*sorted(set().union(*ORDER[:3]) - {"_native"}), "engines", "training", "network"]


OF_AN_EXTRA = HOUSE / "engines" / "jax"  # nobody loads it but for engine="jax"


@pytest.mark.parametrize("room", CORE)
def test_the_core_needs_numpy_and_nothing_else_to_load(room):
    files = [path for path in FILES if room_of(path) == room and OF_AN_EXTRA not in path.parents]
    found = set().union(*(imports(tree(path), lazy=False) for path in files))
    outside = {name.split(".")[0] for name in found} - {"chainrule", "numpy"}
    assert outside <= sys.stdlib_module_names


def test_the_heart_names_no_array_library():
    assert imports(tree(HOUSE / "equations.py")) <= {"collections.abc", "typing"}


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
