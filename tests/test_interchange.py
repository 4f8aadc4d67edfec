"""To PyTorch, to Keras and back: the same outputs, and one clear error for what has no counterpart."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import chainrule as cr
from chainrule.activations import Activation
from chainrule.interchange import ConversionError
from support.contract import HIDDEN, PAIRS, network

m = 9


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def rows(rng, net):
    return (3 * rng.standard_normal((m, net.sizes[0]))).astype(net.dtype)


def normalized(net, rng, method):
    """Features of different sizes, one of them constant."""
    X = rng.standard_normal((net.sizes[0], 50)) * np.arange(1, 1 + net.sizes[0])[:, None] + 2
    X[0] = 2.0
    return net.normalize(X, method)


# -- PyTorch ---------------------------------------------------------------------------------------------------------


def outputs(torch, module, X):
    module.eval()
    with torch.no_grad():
        return module(torch.from_numpy(X)).numpy()


CASES = [(g, ("cross_entropy", "softmax")) for g in HIDDEN] + [("tanh", pair) for pair in PAIRS]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_there_and_back_every_function_gives_the_same_outputs(torch, dtype, rng):
    close = {"float64": 1e-14, "float32": 2e-6}[dtype]
    for hidden, (loss, output) in CASES:
        net = network([5, 4, 6, 3], hidden, output, loss, dtype=dtype)
        X = rows(rng, net)
        module = cr.to_torch(net)
        np.testing.assert_allclose(outputs(torch, module, X), net(X.T).T, rtol=close, atol=close, err_msg=hidden)
        again = cr.from_torch(module, loss=loss)
        assert again.__getstate__().keys() == net.__getstate__().keys()
        np.testing.assert_array_equal(again.parameters, net.parameters)
        assert (repr(again), again.dtype) == (repr(net), net.dtype)


@pytest.mark.parametrize("method", ["standard", "robust"])
def test_the_normalization_is_a_layer_or_part_of_the_first_one(torch, method, rng):
    net = normalized(network([5, 4, 3], "tanh", "softmax"), rng, method)
    X = rows(rng, net)
    module = cr.to_torch(net, dropout=0.5)
    np.testing.assert_allclose(outputs(torch, module, X), net(X.T).T, rtol=1e-13)
    assert [type(part).__name__ for part in module] == ["Normalize", "Linear", "Tanh", "Dropout", "Linear", "Softmax"]
    assert len(list(module.parameters())) == 4
    again = cr.from_torch(module)
    np.testing.assert_array_equal(again(X.T), net(X.T))
    if method == "robust":
        with pytest.raises(ConversionError, match="fold: normalization 'robust' clips"):
            cr.to_torch(net, fold=True)
    else:
        folded = cr.to_torch(net, fold=True)
        assert type(folded[0]).__name__ == "Linear"
        np.testing.assert_allclose(outputs(torch, folded, X), net(X.T).T, rtol=1e-12)


def test_logits_and_dropout_for_training_and_parameters_of_its_own(torch, rng):
    net = network([5, 4, 4, 3], "relu", "softmax")
    state = torch.get_rng_state()
    module = cr.to_torch(net, dropout=[0.1, 0.0], logits=True)
    assert torch.equal(state, torch.get_rng_state())
    assert [type(part).__name__ for part in module] == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    X, before = rows(rng, net), net.parameters.copy()
    np.testing.assert_allclose(outputs(torch, module, X), net.layers(X.T)[0][-1].T, rtol=1e-13)
    np.testing.assert_allclose(cr.from_torch(module, output="softmax")(X.T), net(X.T), rtol=1e-13)
    optimizer = torch.optim.SGD(module.parameters(), 1.0)
    torch.nn.CrossEntropyLoss()(module(torch.from_numpy(X)), torch.zeros(m, dtype=int)).backward()
    optimizer.step()
    np.testing.assert_array_equal(net.parameters, before)
    assert not np.allclose(cr.from_torch(module).parameters, before)
    for wrong in (1.0, [0.1], -0.1, "a", ["a", "b"], None, [0.1, None], [[0.1], [0.1, 0.2]], np.nan):
        with pytest.raises(
            ConversionError, match=r"to_torch: dropout: got .* a share from 0 up to 1, one or 2 of them"
        ):
            cr.to_torch(net, dropout=wrong)


def test_a_module_that_is_written_as_people_write_them(torch, rng):
    nn, functional = torch.nn, torch.nn.functional

    class Written(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(12, 7, bias=False), nn.Sequential(nn.GELU(), nn.Dropout(0.5)))
            self.fc, self.act, self.head = nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 6)
            self.fc2, self.last = nn.Linear(6, 6), nn.Linear(6, 3)

        def forward(self, x):
            x = self.body(x.view(x.size(0), -1))
            x = self.act(self.fc(functional.dropout(x, 0.5, training=self.training)))
            x = self.act(self.head(torch.flatten(x, 1).reshape(x.shape[0], 6)))
            return functional.log_softmax(self.last(functional.leaky_relu(self.fc2(x), 0.3)), dim=1)

    module = Written().train()
    net = cr.from_torch(module)
    assert [g and g.spec for g in net.g] == [None, "gelu", "tanh", "tanh", "leaky_relu(0.3)", "softmax"]
    assert module.training
    assert module.body[1][1].training
    assert net.dtype == np.float32
    assert not net.b[1].any()
    X = rows(rng, net)
    np.testing.assert_allclose(net(X.T), np.exp(outputs(torch, module, X)).T, atol=1e-6)


def test_a_module_with_one_output_may_give_a_vector(torch, rng):
    nn = torch.nn
    parts = {"a": nn.Linear(4, 3), "act": nn.PReLU(init=0.3), "b": nn.Linear(3, 1)}
    made = module(torch, lambda s, x: torch.sigmoid(s.b(s.act(s.a(x.float())))).squeeze(-1), **parts)
    net = cr.from_torch(made)
    assert (net.g[1].name, net.g[1].alpha, net.g[2].name) == ("leaky_relu", pytest.approx(0.3), "sigmoid")
    X = rows(rng, net)
    np.testing.assert_allclose(net(X.T)[0], outputs(torch, made, X), atol=1e-6)


def test_functions_in_place_and_changes_of_type_are_followed(torch, rng):
    nn, functional = torch.nn, torch.nn.functional
    parts = {"a": nn.Linear(4, 5), "b": nn.Linear(5, 3), "act": nn.ReLU(inplace=True)}

    def alone_on_a_line(s, x):
        x = s.a(x.to(torch.float32).clone())
        torch.relu_(x)
        return s.b(x.type(torch.float32)).detach()

    def module_alone(s, x):
        x = s.a(x)
        s.act(x)
        return s.b(x)

    for forward, g in (
        (lambda s, x: s.b(torch.relu_(s.a(x.to(torch.float32)))), "relu"),
        (lambda s, x: s.b(functional.leaky_relu_(s.a(x), 0.2)), "leaky_relu(0.2)"),
        (lambda s, x: s.b(s.a(x).to(x.device).double().float().sigmoid_()), "sigmoid"),
        (lambda s, x: s.b(functional.elu(s.a(x), inplace=True)), "elu(1.0)"),
        (alone_on_a_line, "relu"),
        (module_alone, "relu"),
    ):
        made = module(torch, forward, **parts)
        net = cr.from_torch(made)
        assert net.g[1].spec == g
        X = rows(rng, net)
        np.testing.assert_allclose(net(X.T).T, outputs(torch, made, X), atol=1e-6)


def test_parameters_that_are_not_finite_are_named(torch):
    nn = torch.nn
    for place, name, at, message in (
        (0, "weight", (1, 2), r"Sequential: 0 \(Linear\): weight: got nan at \[1, 2\], wanted finite numbers"),
        (0, "bias", (1,), r"0 \(Linear\): bias: got nan at \[1\]"),
        (1, "running_var", (1,), r"1 \(BatchNorm1d\): running_var: got nan at \[1\]"),
        (2, "weight", (0,), r"2 \(PReLU\): weight: got nan at \[0\]"),
    ):
        made = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.PReLU(), nn.Linear(4, 1))
        getattr(made[place], name).data[at] = np.nan
        with pytest.raises(ConversionError, match=message):
            cr.from_torch(made)


def module(torch, forward, **parts):
    made = type("Made", (torch.nn.Module,), {"forward": forward})()
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def of_statistics(torch, norm, rng):
    norm.running_mean[:] = torch.from_numpy(rng.standard_normal(norm.num_features))
    norm.running_var[:] = torch.from_numpy(rng.uniform(0.1, 4, norm.num_features))
    if norm.affine:
        norm.weight.data, norm.bias.data = (torch.randn(norm.num_features, dtype=torch.double) for _ in range(2))
    return norm


def test_batch_normalization_in_every_place(torch, rng):
    nn = torch.nn

    def norm(n, affine=True):
        return of_statistics(torch, nn.BatchNorm1d(n, affine=affine, dtype=torch.double), rng)

    module = nn.Sequential(
        *(norm(5), norm(5), nn.Linear(5, 4), norm(4), nn.ReLU(), norm(4, False), nn.Dropout(), norm(4)),
        *(nn.Linear(4, 3), norm(3), nn.Sigmoid()),
    ).double()
    net = cr.from_torch(module)
    X = rows(rng, net)
    np.testing.assert_allclose(net(X.T).T, outputs(torch, module, X), rtol=1e-12)
    assert net.L == 2
    np.testing.assert_array_equal(net.normalizer.center.ravel(), module[0].running_mean.numpy())


def refused(torch):
    """Modules without a counterpart, and what the error says of them."""
    nn, functional = torch.nn, torch.nn.functional

    two = {"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)}
    return [
        (
            nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 3)),
            r"Sequential: 0 \(Unflatten\): .* Known are Linear",
        ),
        (nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), r"1 \(LayerNorm\): .* is not among what a Network has"),
        (nn.Sequential(nn.Linear(4, 4), nn.GELU("tanh"), nn.Linear(4, 1)), r"1 \(GELU\): GELU\(approximate='tanh'\)"),
        (nn.Sequential(nn.Linear(4, 4), nn.PReLU(4), nn.Linear(4, 1)), r"1 \(PReLU\)"),
        (nn.Sequential(nn.Linear(4, 4), nn.CELU(2.0), nn.Linear(4, 1)), r"1 \(CELU\)"),
        (nn.Sequential(nn.Linear(4, 4), nn.Softplus(2.0), nn.Linear(4, 1)), r"1 \(Softplus\)"),
        (nn.Sequential(nn.ReLU(), nn.Linear(4, 1)), r"0 \(ReLU\): an activation after no linear layer"),
        (nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Tanh()), r"2 \(Tanh\): an activation after no linear layer"),
        (
            nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4)),
            "its last layer scales what an activation gives",
        ),
        (nn.Sequential(nn.Linear(4, 4), nn.LogSoftmax(1), nn.Linear(4, 4)), "log_softmax after layer 1"),
        (
            nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1)),
            r"0 \(BatchNorm1d\): .* each batch",
        ),
        (nn.Sequential(nn.LazyLinear(3)), r"0 \(LazyLinear\): it has no weights yet"),
        (nn.Sequential(nn.Linear(4, 3), nn.LazyBatchNorm1d()), r"1 \(LazyBatchNorm1d\): it has no weights yet"),
        (
            nn.Sequential(nn.Linear(4, 3), nn.GELU()),
            "Sequential: output: got 'gelu', which no loss here is defined for",
        ),
        (nn.Sequential(nn.Flatten()), "there is no linear layer in it"),
        (nn.Sequential(nn.Linear(4, 1)).half(), r"parameters of torch.float16; wanted .*: module.float\(\)"),
        (module(torch, lambda s, x: x + s.a(x), **two), "add in forward: nothing that a layer of a Network does"),
        (module(torch, lambda s, x: s.b(s.a(x)) * 2, **two), "mul in forward: nothing that a layer of a Network does"),
        (module(torch, lambda s, x: (s.a(x), s.b(x)), **two), "no chain of layers: it has more than one output"),
        (module(torch, lambda s, x: {"a": s.a(x)}, **two), "no chain of layers: it has more than one output"),
        (nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 3)), r"1 \(Linear\): it takes 4 numbers, .* before it gives 3"),
        (nn.Sequential(nn.BatchNorm1d(3), nn.Linear(4, 3)), r"1 \(Linear\): 3 numbers are scaled .* it has 4"),
        (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(4)), r"1 \(BatchNorm1d\): 4 numbers are scaled .* it has 3"),
        (module(torch, lambda s, x: s.b(functional.leaky_relu(s.a(x), x[0, 0])), **two), "a constant that is computed"),
        (
            module(torch, lambda s, x: s.a(x) if x.sum() > 0 else s.b(x), **two),
            "its forward cannot be followed: .* nn.Sequential",
        ),
        (module(torch, lambda s, x: functional.softmax(s.a(x), 0), **two), r"softmax in forward: Softmax\(dim=0\)"),
        (module(torch, lambda s, x: s.a(x.view(2, -1)), a=nn.Linear(4, 3)), "it does not take rows|it gives shape"),
        ("module", "from_torch: got str, wanted a torch.nn.Module"),
    ]


def test_what_has_no_counterpart_is_refused_and_named(torch):
    for module, message in refused(torch):
        with pytest.raises(ConversionError, match=message):
            cr.from_torch(module)
    ends = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(dim=1))
    assert cr.from_torch(ends, output="softmax").g[-1].name == "softmax"
    with pytest.raises(ConversionError, match="output: got 'sigmoid', but the last layer is softmax already"):
        cr.from_torch(ends, output="sigmoid")
    with pytest.raises(
        ConversionError, match=r"to_torch: got MLPClassifier, wanted a chainrule.Network; its network_ is"
    ):
        cr.to_torch(cr.MLPClassifier.from_network(cr.from_torch(ends)))
    own = Activation("cube", lambda Z: Z**3, lambda Z: 3 * Z**2, "z³", "3z²")
    for g in (own, Activation("relu", lambda Z: -Z, lambda Z: -1, "", "")):
        with pytest.raises(
            ConversionError, match=f"layer 1: activation '{g.name}' has no counterpart. Known: identity"
        ):
            cr.to_torch(cr.Network([2, 3, 1], hidden=g))


# -- Keras, in a process of its own ------------------------------------------------------------------------------------

KERAS = """
import jax
import numpy as np
import pytest

jax.config.update("jax_enable_x64", True)
import keras
from keras import layers

import chainrule as cr
from chainrule.interchange import ConversionError
from support.contract import HIDDEN, PAIRS, network
from test_interchange import normalized, rows

rng = np.random.default_rng(0)

def outputs(model, X):
    return np.asarray(model(X, training=False))

# JAX compiles a tanh in float64 that is right to 4e-8.
nets = [network([5, *[6] * len(HIDDEN), 3], HIDDEN, "softmax", dtype=dtype) for dtype in ("float64", "float32")]
nets += [network([5, 4, 3], "relu", output, loss) for loss, output in PAIRS]
for net in nets:
    close = 3e-6 if net.dtype == np.float32 else 1e-6 if "tanh" in repr(net) else 1e-13
    X = rows(rng, net)
    model = cr.to_keras(net)
    np.testing.assert_allclose(outputs(model, X), net(X.T).T, rtol=close, atol=close, err_msg=repr(net))
    again = cr.from_keras(model, loss=net.loss)
    np.testing.assert_array_equal(again.parameters, net.parameters)
    assert (repr(again), again.dtype) == (repr(net), net.dtype)

net = normalized(network([5, 4, 3], "relu", "softmax"), rng, "standard")
X = rows(rng, net)
model = cr.to_keras(net, dropout=0.5)
kinds = [type(layer).__name__ for layer in model.layers]
assert kinds == ["Normalization", "Dense", "Dropout", "Dense"], kinds
np.testing.assert_allclose(outputs(model, X), net(X.T).T, rtol=1e-12)
np.testing.assert_allclose(cr.from_keras(model)(X.T), net(X.T), rtol=1e-12)
folded = cr.to_keras(net, fold=True, logits=True)
np.testing.assert_allclose(cr.from_keras(folded, output="softmax")(X.T), net(X.T), rtol=1e-12)
for fold in (False, True):
    with pytest.raises(ConversionError, match="no layer for the normalization 'robust'.*whose normalizer is None$"):
        cr.to_keras(normalized(net, rng, "robust"), fold=fold)

inputs = keras.Input((5,))
inner = [keras.Input((6,)), layers.Dense(6, "gelu", use_bias=False), layers.Dropout(0.1)]
inner = keras.Sequential(inner, name="inner")
adapted = layers.Normalization()
adapted.adapt(rng.standard_normal((20, 5)))
x = layers.Flatten()(layers.BatchNormalization()(layers.Rescaling(0.5, 1.0)(adapted(inputs))))
x = layers.BatchNormalization(scale=False)(layers.LeakyReLU(0.2)(layers.Dense(6)(x)))
x = layers.ReLU(negative_slope=0.1)(layers.BatchNormalization()(layers.Dense(4)(inner(x))))
functional = keras.Model(inputs, layers.Softmax()(layers.Dense(3)(layers.Dense(5, layers.ELU(0.7))(x))))
for layer in functional.layers:
    if isinstance(layer, layers.BatchNormalization):
        layer.set_weights([rng.uniform(0.5, 2, part.shape) for part in layer.get_weights()])
net = cr.from_keras(functional)
assert [g and g.spec for g in net.g] == [None, "leaky_relu(0.2)", "gelu", "leaky_relu(0.1)", "elu(0.7)", "softmax"]
assert net.normalizer is not None
X = rows(rng, net)
np.testing.assert_allclose(net(X.T).T, outputs(functional, X), atol=3e-6)

for layer in (layers.Normalization(axis=None), layers.Normalization(axis=None, mean=2.0, variance=9.0)):
    if layer.input_mean is None:
        layer.adapt(2 + 3 * rng.standard_normal((20, 6)))
    model = keras.Sequential([keras.Input((6,)), layer, layers.Dense(5, "relu"), layers.Dense(3)])
    net = cr.from_keras(model)
    assert net.normalizer.center.shape == net.normalizer.scale.shape == (6, 1)
    X = rows(rng, net)
    np.testing.assert_allclose(net(X.T).T, outputs(model, X), atol=3e-6)

nan = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="d")])
nan.layers[0].set_weights([np.full((4, 3), np.nan), np.zeros(3)])

def sequential(*parts):
    return keras.Sequential([keras.Input((4,)), *parts])

a = keras.Input((4,))
skip = keras.Model(a, layers.Add()([a, layers.Dense(4)(a)]))
small = sequential(layers.Dense(3, name="d"))
small.quantize("int8")
for model, message in [
    (keras.Sequential([layers.Dense(3)]), "it has no weights yet: begin it with keras.Input"),
    (sequential(layers.Dense(3), layers.LayerNormalization(name="ln")), r"ln \\(.*Known are Input"),
    (sequential(layers.Dense(3, "relu6", name="d")), r"d \\(Dense\\): activation 'relu6' is not known"),
    (sequential(layers.Dense(3, lambda x: keras.activations.gelu(x, approximate=True))), "activation '<lambda>'"),
    (sequential(layers.Dense(3), layers.ReLU(max_value=1.0, name="r")), r"r \\(ReLU\\): .* is not among"),
    (sequential(layers.Dense(3), layers.Softmax(axis=0)), "is not among"),
    (sequential(layers.Activation("relu"), layers.Dense(3)), "an activation after no linear layer"),
    (skip, r"\\(Add\\): .* is not among"),
    (keras.Model(a, [layers.Dense(4)(a), layers.Dense(1)(a)]), "it has more than one output"),
    (keras.Model([a, (b := keras.Input((4,)))], layers.Add()([a, b])), "it has more than one input"),
    (nan, r"d \\(Dense\\): kernel: got nan at \\[0, 0\\], wanted finite numbers"),
    (sequential(layers.Normalization(mean=np.nan, variance=1.0, name="n"), layers.Dense(3)), r"n \\(.* not finite"),
    (sequential(layers.Dense(3, dtype="float16")), "parameters of float16; wanted all of float32"),
    (sequential(layers.Dense(3, dtype="mixed_float16", name="d")), r"d \\(Dense\\): it computes in float16, wanted"),
    (small, r"d \\(Dense\\): its weights are int8: convert the model before it is quantized"),
    ("model", "from_keras: got str, wanted a keras.Model"),
]:
    with pytest.raises(ConversionError, match=message):
        cr.from_keras(model)
print("done")
"""


def test_keras_there_and_back_and_what_it_has_that_we_have_not():
    if find_spec("keras") is None:
        pytest.skip("Keras is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.path.dirname(__file__),
    }
    done = subprocess.run([sys.executable, "-c", KERAS], capture_output=True, text=True, timeout=110, env=environment)
    assert done.stdout.strip().endswith("done"), done.stderr[-3000:]
