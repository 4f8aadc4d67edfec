"""The claims of the notes, tested: ``CLAIMS[name].run(seeds)`` is the experiment, its Result has the verdict."""

from collections.abc import Callable, Sequence

from chainrule.claims import activations, cats, descent, outputs, parity, passes, units, weights
from chainrule.claims.common import SEEDS, Claim, NotRunError, Result, stated

_EXPERIMENTS: dict[str, Callable[[Sequence[int]], Result]] = {
    "flower-needs-a-hidden-layer": units.needs_a_hidden_layer,
    "hidden-sizes": units.hidden_sizes,
    "linear-layers-are-one-map": units.one_linear_map,
    "linear-hidden-is-logistic": units.linear_hidden_is_logistic,
    "zero-weights-stay-identical": weights.zero_weights,
    "logistic-learns-from-zero": weights.logistic_from_zero,
    "large-weights-saturate": weights.large_weights,
    "tanh-faster-than-sigmoid": activations.tanh_or_sigmoid,
    "relu-faster-in-depth": activations.relu_in_depth,
    "leaky-relu-against-dead-units": activations.leaky_relu,
    "he-and-xavier-in-depth": weights.first_weights_in_depth,
    "normalized-inputs": descent.normalized_inputs,
    "mini-batches": descent.batches,
    "momentum-rmsprop-adam": descent.optimizers,
    "vectorization": passes.vectorization,
    "cache": passes.cache,
    "parity-deep-or-wide": parity.parity,
    "more-parameters-overfit": units.size,
    "two-class-softmax": outputs.two_classes,
    "one-vs-all": outputs.one_vs_all,
    "quiz-shapes": outputs.shapes,
    "cats": cats.cats,
}

CLAIMS = {name: Claim(number, name, *stated(run), run) for number, (name, run) in enumerate(_EXPERIMENTS.items(), 1)}

__all__ = ["CLAIMS", "SEEDS", "Claim", "NotRunError", "Result"]
