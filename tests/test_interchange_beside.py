"""What a module or a model does beside its layers, which inputs of N(0, 1) do not show: refused, or right."""

import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest

import chainrule as cr
from chainrule.interchange import ConversionError
from chainrule.interchange.chain import Chain


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def written(torch, forward):
    """A module with a forward that takes itself, and with some layers."""
    nn = torch.nn
    made = type("Made", (nn.Module,), {"forward": forward})()
    made.a, made.act, made.b = nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 3)
    return made


def sequential(nn):
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))


def test_operations_in_place_and_beside_the_chain_are_refused(torch):
    def method(module, x):
        z = module.a(x)
        z.clamp_(-20, 20)
        return module.b(z)

    def function(module, x):
        z = module.a(x)
        torch.clamp_(z, -20, 20)
        return module.b(z)

    def input_of_it(module, x):
        x.clamp_(-20, 20)
        return module.b(module.a(x))

    def through_a_view(module, x):
        z = module.a(x)
        z.view(-1).clamp_(-20, 20)
        return module.b(z)

    def result_unused(module, x):
        z = module.a(x)
        torch.where(z > 20, z, z)
        return module.b(z)

    for forward in (method, function, input_of_it, through_a_view, result_unused):
        with pytest.raises(ConversionError, match=r"Made: \w+ in forward: (what it gives is not used|nothing that)"):
            cr.from_torch(written(torch, forward))
    for forward in (
        lambda module, x: module.b(torch.where(module.a(x) > 50, 1.0001, 1.0)),
        lambda module, x: module.b(module.a(x)) + 0 * module.b(module.a(x)),
    ):
        with pytest.raises(ConversionError, match="nothing that a layer of a Network does"):
            cr.from_torch(written(torch, forward))


def test_sizes_may_be_read_and_what_is_kept_is_forgotten(torch, rng):
    def forward(module, x):
        torch._assert(x.shape[1] == 4, "four")
        n = x.size(0) * x.shape[1]
        assert n is not None
        module.last = module.a(x.view(x.shape[0], -1))
        return module.b(torch.relu(module.last))

    made = written(torch, forward)
    net = cr.from_torch(made)
    assert not hasattr(made, "last")
    same(torch, made, net, rng)


def same(torch, module, net, rng):
    module.eval()
    for size in (1, 100):
        X = (size * rng.standard_normal((7, 4))).astype(net.dtype)
        with torch.no_grad():
            wanted = module(torch.from_numpy(X)).numpy()
        np.testing.assert_allclose(net(X.T).T, wanted, rtol=1e-4, atol=1e-5 * size)


def test_hooks_are_refused_also_those_of_the_root_and_of_all_modules(torch):
    nn = torch.nn

    def clamped(part, given, found):
        return found.clamp(-20, 20)

    def given_clamped(part, given):
        return (given[0].clamp(-20, 20),)

    def hooked(part, hook):
        module = sequential(nn)
        of = module if part is None else module[part]
        register = of.register_forward_hook if hook is clamped else of.register_forward_pre_hook
        return module, register(hook)

    for part, hook, message in [
        (0, clamped, r"Sequential: 0 \(Linear\): a forward hook \(clamped\), .* take it off first"),
        (1, given_clamped, r"Sequential: 1 \(ReLU\): a forward hook \(given_clamped\)"),
        (None, clamped, r"Sequential: a forward hook \(clamped\)"),
        (None, given_clamped, r"Sequential: a forward hook \(given_clamped\)"),
    ]:
        module, handle = hooked(part, hook)
        with pytest.raises(ConversionError, match=message):
            cr.from_torch(module)
        handle.remove()
        assert cr.from_torch(module).L == 2
    everywhere = nn.modules.module.register_module_forward_hook(clamped)
    try:
        with pytest.raises(ConversionError, match="a forward hook, for all modules"):
            cr.from_torch(sequential(nn))
    finally:
        everywhere.remove()
    backward = sequential(nn)
    backward[0].register_full_backward_hook(lambda *given: None)
    assert cr.from_torch(backward).L == 2


def test_a_forward_or_call_that_was_replaced_is_refused(torch):
    nn = torch.nn

    class Called(nn.Sequential):
        def __call__(self, x):
            return super().__call__(x).clamp(-20, 20)

    class Clamping(nn.Linear):
        def forward(self, x):
            return super().forward(x.clamp(-20, 20))

    inner, root = sequential(nn), sequential(nn)
    inner[0].forward = lambda x: nn.functional.linear(x.clamp(-20, 20), inner[0].weight)
    root.forward = lambda x: nn.Sequential.forward(root, x.clamp(-20, 20))
    for module, message in [
        (inner, r"Sequential: 0 \(Linear\): its forward or __call__ was replaced"),
        (root, "Sequential: its forward or __call__ was replaced"),
        (Called(nn.Linear(4, 3)), "Called: its forward or __call__ was replaced"),
        (nn.Sequential(Clamping(4, 3)), "clamp in forward: nothing that a layer"),
    ]:
        with pytest.raises(ConversionError, match=message):
            cr.from_torch(module)


def test_what_drops_units_in_evaluation_is_refused(torch, rng):
    functional = torch.nn.functional
    for forward in (
        lambda module, x: module.b(functional.dropout(module.a(x), 1e-9)),
        lambda module, x: module.b(torch.dropout(module.a(x), 1e-9, True)),
    ):
        with pytest.raises(ConversionError, match=r"dropout in forward: it drops units in evaluation, too"):
            cr.from_torch(written(torch, forward))
    made = written(torch, lambda module, x: module.b(torch.dropout(module.a(x), 0.5, module.training)))
    same(torch, made, cr.from_torch(made), rng)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("of", ["weight_norm", "spectral_norm", "prune", "new weight_norm", "new spectral_norm"])
def test_a_weight_that_is_computed_of_others_is_that_of_the_last_step(torch, rng, of):
    utils = torch.nn.utils
    apply = {
        "weight_norm": utils.weight_norm,
        "spectral_norm": utils.spectral_norm,
        "prune": lambda part: utils.prune.l1_unstructured(part, "weight", 0.5),
        "new weight_norm": utils.parametrizations.weight_norm,
        "new spectral_norm": utils.parametrizations.spectral_norm,
    }
    module = sequential(torch.nn).double()
    apply[of](module[0])
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module(torch.randn(5, 4).double()).pow(2).sum().backward()
    optimizer.step()
    stale, before = vars(module[0]).get("weight"), {name: part.clone() for name, part in module.state_dict().items()}
    net = cr.from_torch(module)
    assert vars(module[0]).get("weight") is stale
    assert all(torch.equal(part, before[name]) for name, part in module.state_dict().items())
    same(torch, module, net, rng)


def test_errors_that_were_raw_name_the_layer(torch, rng):
    nn, functional = torch.nn, torch.nn.functional
    with pytest.raises(ConversionError, match=r"Sequential: 0 \(Linear\): it is on the device meta"):
        cr.from_torch(nn.Sequential(nn.Linear(4, 3, device="meta")))
    with pytest.raises(ConversionError, match=r"softmax in forward: torch.bfloat16; wanted torch.float32"):
        cr.from_torch(written(torch, lambda module, x: functional.softmax(module.b(x), dim=1, dtype=torch.bfloat16)))
    with pytest.raises(ConversionError, match=r"softmax in forward: .* positional arguments"):
        cr.from_torch(written(torch, lambda module, x: module.b(x).softmax(1, 2, 3)))
    for forward in (
        lambda module, x: torch.softmax(module.b(x), 1, torch.float32),
        lambda module, x: functional.softmax(module.b(x), dim=1, dtype=torch.float64),
    ):
        made = written(torch, forward)
        same(torch, made, cr.from_torch(made), rng)


def test_large_inputs_are_compared_too_and_rounding_is_not_taken_for_a_difference(torch):
    chain = Chain()
    chain.linear(np.eye(3), None)
    net = chain.network("float64", None, None)
    for limit, size in ((20.0, 30), (1000.0, 1000)):
        with pytest.raises(ConversionError, match=f"for random inputs of size {size} one of its outputs"):
            chain.check(net, lambda X, limit=limit: np.clip(X, -limit, limit), 1e-8)
    nn, rng = torch.nn, np.random.default_rng(0)
    hidden = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SELU)
    torch.manual_seed(0)
    for last in (nn.Identity(), nn.Softmax(1), nn.LogSoftmax(1), nn.Sigmoid()):
        sizes = rng.integers(2, 100, 6).tolist()
        parts = [(nn.Linear(*pair), g()) for pair, g in zip(pairwise(sizes), hidden, strict=True)]
        module = nn.Sequential(*(part for pair in parts for part in pair), nn.Linear(sizes[-1], 4), last)
        assert cr.from_torch(module).L == 6


# -- Keras, in a process of its own ------------------------------------------------------------------------------------

KERAS = """
import random

import numpy as np
import pytest

import keras
from keras import layers, ops

import chainrule as cr
from chainrule.interchange import ConversionError

a = keras.Input((4,))

def model(function):
    return keras.Model(a, layers.Dense(2)(function(a)))

class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(2), layers.Dense(3)  # b is called first

    def call(self, x):
        return self.a(ops.clip(self.b(x), -10, 10))

class Dropping(layers.Dropout):
    def call(self, x, training=None):
        return ops.clip(x, -10, 10)

class Clipped(keras.Sequential):
    def call(self, x, training=None, mask=None):
        return ops.clip(super().call(x), -10, 10)

class Unhashable:
    __hash__ = None

    def __call__(self, x):
        return x

own = Own()
with pytest.raises(ConversionError, match="Own 'own': it has a `call` of its own"):
    cr.from_keras(own)
own(np.zeros((1, 4), "float32"))
d = layers.Dense(4, "relu")
clipped = keras.Model(a, ops.minimum(d(a), 3.0), name="clipped")
replaced = model(layers.Dense(3))
replaced.layers[1].call = lambda x: ops.clip(x, -10, 10)
for made, message in [
    (model(lambda x: ops.clip(x, -10.0, 10.0)), r"clip \\(Clip\\): .* is not among"),
    (model(lambda x: ops.minimum(layers.Dense(3)(x), 50.0)), r"minimum\\w* \\(Minimum\\): .* is not among"),
    (own, "Own 'own': it has a `call` of its own"),
    (model(Dropping(0.2)), r"\\(Dropping\\): it has a `call` of its own"),
    (Clipped([keras.Input((4,)), layers.Dense(2)]), "it has a `call` of its own"),
    (keras.Sequential([keras.Input((4,)), own]), "own: it has a `call` of its own"),
    (replaced, r"\\(Dense\\): it has a `call` of its own"),
    (model(clipped), r"clipped/minimum|clipped: minimum"),
    (model(lambda x: x + 0 * layers.Dense(4)(x)), r"\\(Add\\): .* is not among"),
    (model(lambda x: layers.Softmax()(layers.Dense(3)(x), np.array([True, True, False]))), r"softmax \\(Softmax\\)"),
    (model(layers.Lambda(lambda x: x)), r"\\(Lambda\\): .* is not among"),
    (model(layers.GaussianNoise(0.1)), r"\\(GaussianNoise\\): .* is not among"),
    (model(lambda x: layers.Activation(lambda z: ops.clip(z, -50, 50))(layers.Dense(3)(x))), r"\\(Activation\\)"),
    (model(layers.Dense(3, Unhashable())), "activation 'Unhashable' is not known"),
]:
    with pytest.raises(ConversionError, match=message):
        cr.from_keras(made)

class Trained(keras.Model):
    def train_step(self, data):
        return super().train_step(data)

inner = keras.Model(a, layers.Dense(4, "tanh")(d(d(a))))
part = layers.Dense(3)(a)
tail = keras.Model(part, layers.Dense(2)(layers.ReLU()(layers.Dense(3)(part))))
delayed = keras.Sequential([layers.Dense(3), layers.Dense(2)])
delayed(np.zeros((1, 4)))
for made, kinds in [
    (model(lambda x: inner(inner(x))), ["relu", "relu", "tanh"] * 2 + ["identity"]),
    (model(lambda x: layers.Dropout(0.5)(d(x), training=True)), ["relu", "identity"]),
    (Trained(a, layers.Dense(2)(a)), ["identity"]),
    (tail, ["relu", "identity"]),
    (delayed, ["identity", "identity"]),
]:
    net = cr.from_keras(made)
    assert [g.name for g in net.g[1:]] == kinds, net
    X = 10 * np.random.default_rng(0).standard_normal((7, net.sizes[0])).astype("float32")
    np.testing.assert_allclose(net(X.T).T, made(X, training=False), rtol=1e-4, atol=1e-4)

with pytest.raises(ConversionError, match="it does not take rows") as error:
    cr.from_keras(keras.Sequential([keras.Input((2, 2)), layers.Flatten(), layers.Dense(2)]))
assert "[1m" not in str(error.value), error.value

net = cr.Network([4, 3, 3, 2], output="softmax")
random.seed(0)
state = random.getstate()
seeds = [layer.seed_generator.state.numpy().tolist() if hasattr(layer.seed_generator.state, "numpy") else
         np.asarray(layer.seed_generator.state.value).tolist()
         for layer in cr.to_keras(net, dropout=0.3).layers if isinstance(layer, layers.Dropout)]
assert random.getstate() == state
assert len(seeds) == 2 and seeds[0] != seeds[1]
print("done")
"""


@pytest.mark.skipif(find_spec("keras") is None, reason="Keras is not installed")
def test_keras_operations_and_calls_of_ones_own_are_refused_and_random_is_left_alone():
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", KERAS], capture_output=True, text=True, timeout=110, env=environment)
    assert done.stdout.strip().endswith("done"), done.stderr[-3000:]


@pytest.mark.skipif(find_spec("keras") is None or find_spec("tensorflow") is not None, reason="Keras would start")
def test_keras_without_its_backend_names_the_variable_to_set(tmp_path):
    source = (
        "import chainrule as cr\n"
        "for function in (lambda: cr.to_keras(cr.Network([2, 1])), lambda: cr.from_keras(None)):\n"
        "    try: function()\n"
        "    except ImportError as error: print(error)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment |= {"HOME": str(tmp_path), "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=110, env=environment)
    assert done.stdout.count("Keras takes the backend tensorflow, which is not installed: set the environment") == 2, (
        done.stdout + done.stderr[-3000:]
    )


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    for library, function in (("torch", cr.to_torch), ("keras", cr.to_keras)):
        for name in [name for name in sys.modules if name.startswith("chainrule.interchange.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ImportError, match=f"is needed: pip install {library}"):
            function(cr.Network([2, 1]))
