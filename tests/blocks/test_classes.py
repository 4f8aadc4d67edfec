"""Which output is which label: of a training, of what watches it, and of what is measured alone."""

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.blocks import classes
from chainrule.readers import ReaderError

M = 60
X = np.random.default_rng(0).normal(size=(M, 2))


@pytest.fixture
def of(tmp_path):
    """Blocks whose rows have these labels in turn."""

    def made(*labels, columns=("a", "b"), m=M, **options):
        frame = pd.DataFrame(X[:m], columns=["a", "b"]).assign(y=np.resize(np.array(labels), m))
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
        frame.to_parquet(path, row_group_size=20)
        return cr.Blocks(path, columns=columns, target="y", **options)

    return made


def network(outputs):
    return cr.Network([2, 4, outputs], output="softmax" if outputs > 1 else "sigmoid", seed=0)


def trained(blocks, outputs, **options):
    net = network(outputs)
    steps = net.train(blocks, cr.Adam(0.01), epochs=2, batch_size=10, seed=0, **options).run()
    return net, steps[-1].validation_cost


def cost(net, order, labels, m=M):
    Y = np.resize(np.array(labels), m)[None] == np.array(order)[:, None]
    return net.cost(X[:m].T, Y if net.sizes[-1] > 1 else Y[1:] * 1.0)


@pytest.mark.parametrize(
    ("there", "here", "outputs"),
    [
        ([0, 2, 5], [0, 2], 3),
        ([0, 2, 5], [5, 2], 3),
        (["u", "v", "w"], ["w", "u"], 3),
        (["no", "yes"], ["yes"], 1),
        ([0, 2], [2, 0], 3),  # places, of which one has no row
        ([False, True], [True], 2),
    ],
)
def test_what_watches_a_training_takes_its_classes_by_name(of, there, here, outputs):
    net, validation = trained(of(*there), outputs, validation=of(*here))
    order = [0, 1, 2] if there == [0, 2] else there
    assert validation == pytest.approx(cost(net, order, here), rel=1e-12)
    assert net.cost(of(*here, classes=order)) == pytest.approx(validation, rel=1e-12)


def test_a_label_that_the_training_has_not_is_named(of):
    with pytest.raises(ReaderError, match=r"validation: .*has labels that the training has not: 'w'; .* 'u', 'v'"):
        trained(of("u", "v"), 2, validation=of("u", "w"))
    with pytest.raises(ReaderError, match=r"the training has not: 'u', 'v'; its classes are 0, 1"):
        trained(of(0, 1), 2, validation=of("u", "v"))
    net, validation = trained(of("u", "v", classes=["w", "u", "v"]), 3, validation=of("u", "w"))
    assert validation == pytest.approx(cost(net, ["w", "u", "v"], ["u", "w"]), rel=1e-12)


def test_columns_in_another_order_are_refused_where_a_training_is_watched(of):
    with pytest.raises(ReaderError, match=r"validation: .*got the columns b, a, wanted .*columns=\['a', 'b'\]"):
        trained(of(0, 1), 2, validation=of(0, 1, columns=["b", "a"]))


@pytest.mark.parametrize(("labels", "outputs"), [((0, 2), 3), ((0, 2, 5), 3), (("u", "w"), 2), ((0,), 2), ((1, 2), 2)])
def test_labels_that_could_be_others_are_not_measured_without_classes(of, labels, outputs):
    net = network(outputs)
    with pytest.raises(ReaderError, match=r"does not know which of its outputs is for which.*classes=\["):
        net.cost(of(*labels))
    with pytest.raises(ReaderError, match="does not know"):
        net.gradients(of(*labels))
    known = sorted({*labels, *[label for label in (7, 8) if isinstance(labels[0], int)]})[:outputs]
    if len(known) == outputs:
        assert net.cost(of(*labels, classes=known)) == pytest.approx(cost(net, known, labels), rel=1e-12)


def test_after_a_training_on_them_blocks_are_measured_by_its_classes(of):
    net, _ = trained(blocks := of("u", "v"), 2)
    assert net.cost(blocks) == pytest.approx(net.cost(of("u", "v", classes=["u", "v"])), rel=1e-12)


def test_labels_that_are_all_the_places_are_clear(of):
    net = network(3)
    assert net.cost(of(2, 0, 1)) == pytest.approx(cost(net, [0, 1, 2], [2, 0, 1]), rel=1e-12)
    with pytest.raises(ReaderError, match=r"there are 4 classes \(0, 1, 2, 3\), wanted 3"):
        net.cost(of(0, 1, 2, 3))


def test_two_labels_of_one_sigmoid_output_are_said_by_classes(of):
    with pytest.raises(ReaderError, match=r"row group 0: Y: values from 1 to 2; .*Blocks\(…, classes=\[1, 2\]\)"):
        trained(of(1, 2), 1)
    net, _ = trained(of(1, 2, classes=[1, 2]), 1)
    assert net.cost(of(2, classes=[1, 2])) == pytest.approx(cost(net, [1, 2], [2]), rel=1e-12)
    assert net.cost(of(1, 2, classes=[1, 2])) < cost(network(1), [1, 2], [1, 2])


def test_a_label_that_is_none_of_the_given_classes_is_named_with_its_block(of):
    with pytest.raises(ReaderError, match=r"row group 0: target: got 'w', which is none of the classes \('u', 'v'\)"):
        trained(of("u", "w", classes=["u", "v"]), 2)
    with pytest.raises(ReaderError, match=r"row group 0: target: got 0, which is none of the classes \('0', '1'\)"):
        trained(of(0, 1, classes=["0", "1"]), 2)


def test_classes_that_cannot_be_some_are_refused(of):
    for given in ("uv", 7, ["u"], ["u", "u"], ["u", 1], np.array([1, 1])):
        with pytest.raises(ReaderError, match="classes: got"):
            of("u", "v", classes=given)
    with pytest.raises(ReaderError, match="classes: are of one target, got a, b"):
        cr.Blocks(of("u", "v")._files[0].place.path, target=["a", "b"], classes=["u", "v"])


def test_an_estimator_learns_the_given_classes_also_without_a_row(of):
    blocks = of("v", "u", classes=["w", "v", "u"])
    model = cr.MLPClassifier((4,), max_iter=2, schedule="cosine", class_weight="balanced", random_state=0).fit(blocks)
    assert model.classes_.tolist() == ["u", "v", "w"]
    assert np.concatenate(list(model.predict_proba(blocks))).shape == (M, 3)
    assert blocks.counts.tolist() == [0, M // 2, M // 2]


def told(*labels, columns=("a", "b"), given=None, targets=1):
    labels = None if labels == (None,) else list(labels)
    return {"columns": list(columns), "targets": targets, "classes given": given, "labels": labels}


def test_processes_take_the_labels_of_all():
    own = np.array(["u", "v"])
    assert classes.together([told("u", "v"), told("u", "w")], own).tolist() == ["u", "v", "w"]
    assert classes.together([told(0, 2), told(0, 2, 5)], np.array([0, 2])).tolist() == [0, 2, 5]
    assert classes.together([told("u", "v")] * 2, own) is own
    assert classes.together([told(None)] * 2, None) is None
    given = told("v", "u", given=["v", "u"])
    assert classes.together([given, given], own) is own


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (told(0, 1), told(0, 1, columns=("b", "a")), r"the columns of process 1 are 'b', 'a', those of .*'a', 'b'\. A"),
        (told("u"), told(1, 2), r"the labels of process 1 are 1, 2 \(whole numbers\), .* 'u' \(text\)\. Let the"),
        (told(True, False), told(0, 1), r"are 0, 1 \(whole numbers\), .* True, False \(truth values\)"),
        (told(None), told(0, 1), r"are 0, 1 \(whole numbers\), .* None \(numbers\)"),
        (told("u", given=["u", "v"]), told("u", given=["v", "u"]), r"the classes given of process 1 are 'v', 'u'"),
        (told(None, targets=2), told(None), r"the targets of process 1 are 1, those of process 0 are 2"),
    ],
)
def test_processes_with_other_columns_or_kinds_of_labels_are_refused(one, other, says):
    for own in (np.array(["u"]), None):
        with pytest.raises(ReaderError, match=says):
            classes.together([one, other], own)
