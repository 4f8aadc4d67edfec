"""Networks and estimators on blocks: the bits of a training in memory, any place to go on from, and the cost."""

import signal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import chainrule as cr
from chainrule.blocks import order
from chainrule.engines import ENGINES
from chainrule.engines.stream import Stream
from chainrule.files import model as model_files
from chainrule.files.checkpoint import CheckpointWriter

M, SEED = 1000, 5


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(M, 5))
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] + 0.3 * rng.normal(size=M) > 0.5)
    return X, y


@pytest.fixture(scope="module")
def path(data, tmp_path_factory):
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcde")).assign(
        y=y, word=np.array(["no", "so", "yes"])[y], w=1 + y % 2, zero=0
    )
    path = tmp_path_factory.mktemp("training") / "t.parquet"
    pq.write_table(pa.Table.from_pandas(frame), path, row_group_size=90)
    return path


def blocks_of(path, window=2, **options):
    return cr.Blocks(path, columns=list("abcde"), **{"target": "y", **options}, window=window)


def network(dtype="float64"):
    return cr.Network([5, 8, 3], output="softmax", seed=1, dtype=dtype)


def key():
    return int(np.random.default_rng(SEED).integers(2**63))


def test_an_epoch_takes_every_row_once_in_an_order_of_its_own(path):
    sizes = blocks_of(path).sizes
    epochs = [order.sequence(key(), epoch, sizes, 3) for epoch in range(3)]
    for rows in epochs:
        assert (np.sort(rows) == np.arange(M)).all()
    assert not (epochs[0] == epochs[1]).all()
    assert (epochs[1] == order.sequence(key(), 1, sizes, 3)).all()
    assert (order.sequence(None, 1, sizes, 3) == np.arange(M)).all()
    # Rows of three blocks are mixed, one out of each third of the table.
    assert sorted(set(epochs[0][:60] // 90 // 4)) == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_the_bits_are_those_of_a_training_in_memory_in_the_same_order(data, path, engine, dtype):
    X, y = data
    for batch_size, window, options in [
        (7, 2, {}),
        (64, 3, {"dropout": 0.2, "every": cr.Batches(3)}),
        (300, 2, {"l2": 0.1, "clip_norm": 0.1, "schedule": cr.schedules.Cosine(3)}),  # more than a window
        (2000, 20, {"every": cr.Batches(3)}),  # more than all
    ]:
        blocks = blocks_of(path, window)
        common = {"epochs": 3, "batch_size": batch_size, "seed": SEED, "engine": engine, **options}
        one = network(dtype).normalize(blocks)
        steps = one.train(blocks, cr.Adam(0.01), **common).run()
        two = network(dtype)
        two.normalizer = one.normalizer
        rows = {epoch: order.sequence(key(), epoch, blocks.sizes, window) for epoch in range(3)}
        assert two.train(X.T, cr.one_hot(y), cr.Adam(0.01), order=rows.get, **common).run() == steps
        assert (one.parameters == two.parameters).all()


def test_what_is_measured_block_by_block_is_what_is_measured_at_once(data, path):
    X, y = data
    blocks, Y = blocks_of(path, weights="w"), cr.one_hot(y)
    net, whole = network().normalize(blocks), network().normalize(X.T)
    for name in ("center", "scale"):
        np.testing.assert_allclose(
            getattr(net.normalizer, name), getattr(whole.normalizer, name), rtol=1e-14, atol=1e-14
        )
    w = 1 + y % 2
    assert net.cost(blocks) == pytest.approx(whole.cost(X.T, Y, weights=w), rel=1e-13)
    J, dW, db = net.gradients(blocks, l2=0.5)
    wanted = whole.gradients(X.T, Y, 0.5, w)
    assert pytest.approx(wanted[0], rel=1e-13) == J
    np.testing.assert_allclose(net.pack(dW, db), net.pack(*wanted[1:]), rtol=1e-10, atol=1e-14)
    A = list(net.forward(blocks))
    assert [part.shape[1] for part in A] == list(blocks.sizes)
    np.testing.assert_allclose(np.hstack(A), whole.forward(X.T), rtol=1e-12)
    step = net.train(blocks, cr.Adam(), epochs=1, batch_size=50, validation=blocks).run()[-1]
    assert step.validation_cost == pytest.approx(net.cost(blocks), rel=1e-13)
    net.parameters = whole.parameters
    net.train(blocks, cr.LBFGS(), epochs=3).run()
    whole.train(X.T, Y, cr.LBFGS(), weights=w, epochs=3).run()
    np.testing.assert_allclose(net.parameters, whole.parameters, rtol=1e-6)


def train(path, **options):
    blocks = blocks_of(path)
    return (
        network()
        .normalize(blocks)
        .train(blocks, cr.Adam(0.01), epochs=4, batch_size=32, seed=SEED, dropout=0.1, **options)
    )


@pytest.fixture(scope="module")
def whole(path):
    training = train(path)
    training.run()
    return training._network.parameters


@pytest.mark.parametrize("stop", [0, 7, 20, 41])
def test_it_goes_on_from_any_place_to_the_same_bits(path, whole, tmp_path, stop, monkeypatch):
    kept, reads = tmp_path / "kept", []
    with_parts = train(path, every=cr.Batches(3), checkpoint=kept)
    for i, _ in enumerate(with_parts):
        if i == stop:
            break
    with_parts.close()
    example = model_files.read(kept)[1]["place"][0]
    read = cr.Blocks.labeled
    monkeypatch.setattr(cr.Blocks, "labeled", lambda self, i, *given: reads.append(i) or read(self, i, *given))
    again = train(path, every=cr.Batches(3), checkpoint=kept, resume=True)
    for _ in again:
        pass
    assert (again._network.parameters == whole).all()
    skipped = example // 180 * 2 + 12 * (stop // 11)  # of windows that lie before it nothing is read
    assert len(reads) <= 4 * 12 - skipped + 4


def test_an_interrupt_leaves_the_last_whole_window_in_the_checkpoint(path, whole, tmp_path, monkeypatch):
    advance, count = Stream._advance, iter(range(100))

    def interrupted(self, state, most):
        if next(count) == 8:
            signal.raise_signal(signal.SIGINT)
        return advance(self, state, most)

    monkeypatch.setattr(Stream, "_advance", interrupted)
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(path, checkpoint=tmp_path / "kept").run()
    assert "training stopped after epoch 1 and 256 examples of the next" in "".join(stopped.value.__notes__)
    resumed = train(path, checkpoint=tmp_path / "kept", resume=True)
    resumed.run()
    assert (resumed._network.parameters == whole).all()


def test_within_an_epoch_the_checkpoint_is_written_when_it_is_due(path, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(
        CheckpointWriter,
        "write_if_due",
        lambda self, epoch, state_dict: self._write(state_dict()) if epoch < 2 else None,
    )
    advance, count = Stream._advance, iter(range(100))

    def killed(self, state, most):
        if next(count) == 10:
            raise OSError("the machine is gone")
        return advance(self, state, most)

    monkeypatch.setattr(Stream, "_advance", killed)
    with pytest.raises(OSError, match="gone"):
        train(path, checkpoint=tmp_path / "kept").run()
    monkeypatch.setattr(Stream, "_advance", advance)
    saved = model_files.read(tmp_path / "kept")[1]
    assert saved["epoch"] == 1
    assert saved["place"][0] > 0
    resumed = train(path, checkpoint=tmp_path / "kept", resume=True)
    resumed.run()
    assert (resumed._network.parameters == whole).all()


def test_blocks_of_others_are_told_apart_by_the_checkpoint(path, tmp_path):
    train(path, checkpoint=tmp_path / "kept").run()
    moved = tmp_path / "moved.parquet"
    moved.write_bytes(path.read_bytes())
    train(moved, checkpoint=tmp_path / "kept", resume=True).run()  # where the file lies does not matter
    table, other = pq.read_table(path), tmp_path / "other.parquet"
    for there, here, write in [
        ("rows 1,000, blocks 12", "rows 990, blocks 11", lambda: pq.write_table(table[:990], other, row_group_size=90)),
        ("rows 1,000, blocks 12", "rows 1,000, blocks 10", lambda: pq.write_table(table, other, row_group_size=100)),
        ("1 of Parquet", "1 of Arrow", lambda: feather.write_feather(table, tmp_path / "other.feather", chunksize=90)),
    ]:
        write()
        name = "other.feather" if "Arrow" in here else "other.parquet"
        with pytest.raises(cr.CheckpointError, match=f"another training .data: there .*{there}.*, here .*{here}"):
            train(tmp_path / name, checkpoint=tmp_path / "kept", resume=True).run()
    for says, options in [
        ("columns a, b, c, d, e .*, here .* columns b, a, c, d, e", {"columns": list("bacde")}),
        ("window 2, .*, here .* window 3", {"window": 3}),
        ("target y, .*, here .* target word", {"target": "word"}),
        ("here .*classes 0, 1, 2 ", {"classes": [0, 1, 2]}),
    ]:
        blocks = cr.Blocks(path, **{"columns": list("abcde"), "target": "y", "window": 2, **options})
        net = network().normalize(blocks_of(path))
        kept = cr.Checkpoint(tmp_path / "kept", resume=True)
        with pytest.raises(cr.CheckpointError, match=says):
            net.train(blocks, cr.Adam(0.01), epochs=4, batch_size=32, seed=SEED, dropout=0.1, checkpoint=kept)


def test_classes_in_their_order_reach_the_cost_of_a_shuffle_of_all_rows(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    centers, y = rng.normal(size=(10, 8)), np.repeat(np.arange(10), 2000)
    X = (centers[y] + rng.normal(size=(len(y), 8))).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y)
    monkeypatch.setattr("chainrule.blocks.formats.PIECE", 50 * 32)
    blocks = cr.Blocks(tmp_path / "X.npy", target=str(tmp_path / "y.npy"), window=40)  # of 400

    def cost(*given):
        net = cr.Network([8, 16, 10], output="softmax", seed=0, dtype="float32")
        net.train(*given, cr.Adam(0.003), epochs=5, batch_size=64, seed=0).run()
        return net.cost(X.T, cr.one_hot(y))

    assert cost(blocks) == pytest.approx(cost(X.T, cr.one_hot(y)), rel=0.02)


def test_estimators_learn_from_blocks_and_answer_block_by_block(data, path, tmp_path, monkeypatch):
    X, y = data
    words = np.array(["no", "so", "yes"])[y]
    blocks = blocks_of(path, target="word")
    options = {"max_iter": 15, "normalize": "standard", "random_state": 0, "n_iter_no_change": 50, "batch_size": 50}
    model = cr.MLPClassifier((8,), class_weight="balanced", learning_rate_init=0.01, schedule="cosine", **options)
    model.fit(blocks)
    assert list(model.classes_) == ["no", "so", "yes"]
    assert list(model.feature_names_in_) == list("abcde")
    parts = list(model.predict(blocks))
    assert [len(part) for part in parts] == list(blocks.sizes)
    frame = pd.DataFrame(X, columns=list("abcde"))
    assert (np.concatenate(parts) == model.predict(frame)).all()
    assert np.concatenate(list(model.predict_proba(blocks))).shape == (M, 3)
    assert model.score(blocks) == pytest.approx((np.concatenate(parts) == words).mean())
    assert model.score(blocks) > 0.8
    again = cr.MLPClassifier((8,), class_weight="balanced", learning_rate_init=0.01, schedule="cosine", **options)
    advance, count = Stream._advance, iter(range(1000))

    def killed(self, state, most):
        if next(count) == 20:
            raise OSError("the machine is gone")
        return advance(self, state, most)

    monkeypatch.setattr(Stream, "_advance", killed)
    with pytest.raises(OSError, match="gone"):
        again.fit(blocks, checkpoint=tmp_path / "kept", checkpoint_every=2)
    monkeypatch.setattr(Stream, "_advance", advance)
    again.fit(blocks, checkpoint=tmp_path / "kept", checkpoint_every=2, resume=True)
    assert (again.network_.parameters == model.network_.parameters).all()

    again = cr.MLPClassifier((8,), early_stopping=True, scoring="loss", schedule="cosine", **options)
    again.fit(blocks, X_val=frame[:100], y_val=words[:100])
    assert again.best_validation_score_ == -min(again.history_["validation_cost"])

    numbers = cr.Blocks(path, columns=["b", "c"], target=["y", "a"])
    other = cr.MLPRegressor(hidden_layer_sizes=(8,), scale_target=True, schedule="cosine", **options).fit(numbers)
    predicted = np.concatenate(list(other.predict(numbers)))
    assert predicted.shape == (M, 2)
    np.testing.assert_allclose(other.target_mean_, [y.mean(), X[:, 0].mean()], rtol=1e-12)
    known = other.score(frame[["b", "c"]], np.column_stack([y, X[:, 0]]))
    assert other.score(numbers) == pytest.approx(known)


def test_what_blocks_cannot_do_is_said(path):
    blocks, net = blocks_of(path), network()
    for says, given in [
        ("batch_size: Blocks are trained by mini-batches", {}),
        ("order: Blocks come in an order by themselves", {"batch_size": 10, "order": lambda epoch: np.arange(M)}),
        ("Y and weights: Blocks have them", {"batch_size": 10, "weights": np.ones(M)}),
    ]:
        with pytest.raises(ValueError, match=says):
            net.train(blocks, cr.Adam(), epochs=1, **given)
    with pytest.raises(ValueError, match="only the mean and deviation of method 'standard'"):
        net.normalize(blocks, "robust")
    assert net.normalizer is None
    with pytest.raises(ValueError, match=r"X: got shape \(\), wanted \(5, m\).* A Blocks is no array"):
        net.layers(blocks)
    with pytest.raises(ValueError, match="there is nothing to learn"):
        net.train(cr.Blocks(path, columns=list("abcde")), cr.Adam(), epochs=1, batch_size=5)
    with pytest.raises(ValueError, match="got 2 columns of inputs, wanted 5"):
        net.cost(cr.Blocks(path, columns=["a", "b"], target="y"))
    with pytest.raises(ValueError, match=r"there are 3 classes .no, so, yes., wanted 2"):
        cr.Network([5, 1]).cost(blocks_of(path, target="word"))
    with pytest.raises(ValueError, match=r"row group 0: Y: values from 0 to 2"):  # whole numbers are targets, too
        cr.Network([5, 1]).cost(blocks)
    training = net.train(blocks_of(path, weights="zero"), cr.Adam(), epochs=2, batch_size=100, seed=0)
    with pytest.raises(ValueError, match=r"weights: wanted some above 0; those of all 1,000 examples are 0"):
        training.run()
    with pytest.raises(ValueError, match=r"weights: wanted some above 0; those of all 1,000 examples are 0"):
        net.cost(blocks_of(path, weights="zero"))
    with pytest.raises(ValueError, match=r"GridSearchCV: got <Blocks of .*wanted rows in memory, which can be split"):
        cr.GridSearchCV(cr.MLPClassifier(), {"alpha": [0, 1]}).fit(blocks)
    with pytest.raises(ValueError, match=r"X_val: got <Blocks of .*wanted rows in memory"):
        cr.MLPClassifier().fit(blocks, X_val=blocks)
    with pytest.raises(ValueError, match="early_stopping: no rows of Blocks are held out"):
        cr.MLPClassifier(early_stopping=True).fit(blocks)
    with pytest.raises(ValueError, match=r"X: got <Blocks of .*wanted rows in memory"):
        cr.MLPClassifier().partial_fit(blocks, [0, 1], classes=[0, 1])
    model = cr.MLPClassifier((2,), max_iter=1, schedule="cosine").fit(blocks)
    with pytest.raises(ValueError, match=r"wanted the columns of the fit: Blocks\(…, columns="):
        model.predict(cr.Blocks(path, columns=["b", "a", "c", "d", "e"]))
    with pytest.raises(ValueError, match=r"score: <Blocks of .*nothing to compare with; give Blocks"):
        model.score(cr.Blocks(path, columns=list("abcde")))
