"""Model files that say strange things about themselves: every command shows them, or refuses them in one line."""

import copy
import json
import random

import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.cli.model import is_about
from chainrule.files import container
from chainrule.files import model as modelfile
from support.tables import QUICK, people

STRANGE = [
    None,
    0,
    -1,
    2.5,
    10**30,
    1e308,
    True,
    "x",
    "\x1b[2J\n",
    [],
    {},
    [[]],
    [None],
    [1, 2, 3],
    {"a": 1},
    "9" * 5000,
]
ABSENT = object()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models of a table with classes, of a table with numbers, and of images."""
    made = tmp_path_factory.mktemp("headers")
    people().to_csv(made / "people.csv", index=False)
    for name, data, *options in (
        ("classes", made / "people.csv", "--target", "buys", "--drop", "spends"),
        ("numbers", made / "people.csv", "--target", "spends"),
        ("images", "digits"),
    ):
        with pytest.raises(SystemExit) as done:
            main([str(part) for part in ("train", data, *options, "-q", "--out", made / name, *QUICK)])
        assert not done.value.code
    return made


def changed(file, change):
    """Write a model "m" like that in the file, with another header."""
    read = container.read(file)
    header = change(json.loads(read.texts["about"]))
    container.write(
        "m", {**read.texts, "about": json.dumps(header)}, {name: read.array(name) for name in [*read.entries]}
    )


def places(value, path=()):
    """Where there are values in a value of JSON; of a list, the first only."""
    yield path
    inner = value if isinstance(value, dict) else range(min(len(value), 1)) if isinstance(value, list) else ()
    for key in inner:
        yield from places(value[key], (*path, key))


def put(header, path, new):
    """The header with another value at a place, or none."""
    if not path:
        return new
    at = header = copy.deepcopy(header)
    for key in path[:-1]:
        at = at[key]
    if new is ABSENT:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return header


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("name", ["classes", "numbers", "images"])
def test_every_command_bears_every_header(name, part, folder, run):
    r, data = random.Random(f"{name} {part}"), "digits" if name == "images" else folder / "people.csv"
    commands = [["inspect", "m"], ["inspect", "m", "--json"], ["predict", "m", data], ["evaluate", "m", data],
                ["trace", "m", data], ["trace", "m", data, "--unit", "1:0"], ["diagnose", "m", data]]  # fmt: skip
    header, known = (json.loads(container.read(folder / of).texts["about"]) for of in (name, "classes"))
    tried = set() if name == "classes" else {*places(known)}  # what all kinds say is tried with the first of them
    for path in [path for path in places(header) if path not in tried][part::4]:
        new = r.choice([*STRANGE, ABSENT] if path else STRANGE)
        changed(folder / name, lambda header, path=path, new=new: put(header, path, new))
        command = r.choice(commands)
        code, _, err = run(*command)
        said = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert (code, len(said)) in ((0, 0), (2, 1)), (path, new, command)
        assert all(c.isprintable() for line in said for c in line)


@pytest.mark.parametrize(
    ("name", "path", "new"),
    [
        ("classes", ("about", "columns"), 7),
        ("classes", ("about", "columns"), ["age"]),
        ("classes", ("about", "classes"), "yes"),
        ("classes", ("about", "classes"), [["yes", 10**30]]),
        ("classes", ("about", "rows"), ABSENT),
        ("classes", ("about", "test", "this network"), 2.5),
        ("numbers", ("about", "features"), 1e300),
        ("images", ("about", "image_shape"), [8, "8", 1]),
    ],
)
def test_what_train_has_not_written_is_refused(name, path, new, folder, run):
    changed(folder / name, lambda header: put(header, path, new))
    for command in ("predict", "evaluate", "trace", "diagnose"):
        code, out, err = run(command, "m", folder / "people.csv")
        assert (code, out) == (2, "")
        assert err == "error: m: was not saved by chainrule train; load it in Python with chainrule.load\n"
    code, out, _ = run("inspect", "m")
    assert (code, "About: {" in out) == (0, True)


def test_what_it_says_must_be_true_of_the_network(folder, run):
    for name, path, new, message in (
        (
            "classes",
            ("about", "classes"),
            None,
            "m: says it has classes where its model has none, or none where it has",
        ),
        (
            "classes",
            ("about", "columns"),
            None,
            "m: says it has columns where its model has none, or none where it has",
        ),
        (
            "numbers",
            ("about", "classes"),
            [["a", 1]],
            "m: says it has classes where its model has none, or none where it has",
        ),
        ("images", ("about", "image_shape"), [64, 64, 3], "m: its images of [64, 64, 3] are not its 64 inputs"),
        ("images", ("about", "image_shape"), [64], "m: its images of [64] are not its 64 inputs"),
    ):
        changed(folder / name, lambda header, path=path, new=new: put(header, path, new))
        assert run("predict", "m", "digits") == (2, "", f"error: {message}\n")


def test_inspect_shows_what_was_said_in_python(ok):
    network = cr.Network([3, 4, 2], output="softmax", seed=0)
    for about in ({"target": "price", "note": "mine\x1b"}, {"classes": 3, "test": [1]}, {}):
        modelfile.save(network, "net", about)
        out = ok("inspect", "net")
        assert ("About: " in out) == bool(about)
        assert "\x1b" not in out
        assert not is_about(about)


def test_a_model_that_does_not_work_is_one_line(folder, run, monkeypatch):
    def stumble(*_, **__):
        raise AttributeError("'NoneType' object has no attribute 'shape'")

    monkeypatch.setattr("chainrule.estimators.MLPClassifier.predict_proba", stumble)
    for command in ("predict", "evaluate", "trace"):
        code, out, err = run(command, folder / "classes", folder / "people.csv")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "classes: the model does not work: AttributeError: 'NoneType' object" in err
