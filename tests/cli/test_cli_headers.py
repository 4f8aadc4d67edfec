"""Model files of strangers: what one says about its model is compared with the model, and shown in bounded time."""

import json
import re

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

import chainrule as cr
from chainrule.files import container
from support.tables import QUICK, people

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model of a table that `train` has saved."""
    from chainrule.cli import main

    folder = tmp_path_factory.mktemp("saved")
    people().to_csv(folder / "people.csv", index=False)
    with pytest.raises(SystemExit):
        main([*map(str, ("train", folder / "people.csv", "--target", "buys", *QUICK, "--out", folder / "m"))])
    return folder / "m"


@pytest.fixture
def saying(saved, tmp_path):
    """A file of the same model that says something else about it."""

    def saying(**changes):
        box = container.read(saved)
        header = json.loads(box.texts["about"])
        for name, value in changes.items():
            (header["about"] if name in header["about"] else header)[name] = value
        texts = {**box.texts, "about": json.dumps(header)}
        container.write(tmp_path / "m", texts, {name: box.array(name) for name in list(box.entries)})
        return tmp_path / "m"

    return saying


SHAPES = [([6000, 6000, 3], 108_000_000), ([1, 1, 3], 4), ([-1, -1, 3], 3), ([1, 3.0, 1], 3), ([3], 3), ("3", 3)]


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_pictures_are_brought_to_the_size_of_the_model_not_to_that_of_its_header(tmp_path, run, monkeypatch):
    model = cr.MLPClassifier((4,), activation="tanh", max_iter=9, solver="lbfgs").fit(
        np.random.default_rng(0).random((20, 3)), [0, 1] * 10
    )
    Image.new("RGB", (1, 1)).save(tmp_path / "one.png")
    monkeypatch.setattr("chainrule.readers.read", None)
    model = make_pipeline(model)
    about = {"data": "d", "task": "binary", "target": "t", "classes": [[0, 10], [1, 10]], "columns": []}
    about |= {"rows": {"train": 20, "test": 0}, "test": {}}
    for shape, features in SHAPES:
        cr.save(model, tmp_path / "m", about | {"features": features, "image_shape": shape})
        for command in ("predict", "evaluate", "trace", "diagnose"):
            code, out, err = run(command, tmp_path / "m", tmp_path / "one.png")
            assert (code, out) == (2, "")
            assert "inputs" in err or "was not saved by chainrule train" in err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"features": 7}, "says 7 inputs, and its model has"),
        ({"features": None}, "was not saved by chainrule train"),
        ({"image_shape": [1, 1, 4]}, r"images of \[1, 1, 4\] are not its"),
        ({"classes": None}, "classes where its model has none, or none where it has"),
        ({"columns": []}, "columns where its model has none, or none where it has"),
    ],
    ids=str,
)
def test_a_header_that_is_not_of_its_model_is_refused(saying, saved, run, changes, words):
    path = saying(**changes)
    for command in ("predict", "evaluate", "trace", "diagnose"):
        code, out, err = run(command, path, saved.parent / "people.csv")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert re.search(words, err)


def test_a_header_of_any_length_is_shown_in_a_page_or_two(saying, saved, ok):
    many = 20_000
    layer = json.loads(container.read(saved).texts["about"])["layers"][0]
    changes = {
        "layers": [layer] * many,
        "preprocessing": [{"step": "a", "does": "b", "columns": ["c"]}] * many,
        "test": {"this network": {str(k): 1.0 for k in range(many)}},
        "columns": [{"name": "a", "role": "number", "missing": 0, "note": ""}] * many,
        "classes": [["a", 1]] * many,
    }
    for name, value in changes.items():
        assert len(ok("inspect", saying(**{name: value}))) < 200_000
