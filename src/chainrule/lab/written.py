"""The equations of a run as the notes write them, for its layers: text, which page/mathml.js turns into MathML."""

from typing import Any

from chainrule.network import Network
from chainrule.optimizers import AdamW
from chainrule.training.options import Options
from chainrule.working.trace import written, written_cost


def equations(net: Network, options: Options) -> dict[str, Any]:
    """Every equation of a step, lists by layer: "forward" Z[l], A[l]; "backward" dA[l], dZ[l], dW[l], db[l]; "update".

    dA[L] is None, and D[l] stands where dropout is in force. In "update" w is W[l] or b[l] and g its derivative, ∇J
    that by all of them; "constants" has the numbers of its Greek letters.
    """
    l2, shares = options.l2, options.dropout or (0.0,) * (net.L - 1)
    out = ["", *(f" ∗ D[{l}]" if share else "" for l, share in enumerate(shares, 1)), ""]
    forward, backward = [], []
    for l in range(1, net.L + 1):
        forward.append([f"Z[{l}] = W[{l}] A[{l - 1}] + b[{l}]", f"A[{l}] = g[{l}](Z[{l}]){out[l]}"])
        dA = f"dA[{l}] = W[{l + 1}]ᵀ dZ[{l + 1}]{out[l]}" if l < net.L else None
        backward.append([dA, *written(net, l, l2, None)])
    rule = options.optimizer
    clipped = () if options.clip_norm is None else ("g = g min(1, c / ‖∇J‖)",)
    names = {"learning_rate": "α", "momentum": "μ", "beta": "β", "beta1": "β₁", "beta2": "β₂", "epsilon": "ε"}
    constants = {sign: getattr(rule, name) for name, sign in names.items() if hasattr(rule, name)}
    if isinstance(rule, AdamW):
        constants["λ"] = rule.weight_decay
    if options.clip_norm is not None:
        constants["c"] = options.clip_norm
    return {
        "forward": forward,
        "cost": written_cost(l2, None),
        "loss": f"𝓛 = {net.loss.formula}",
        "delta": net.loss.delta,
        "backward": backward,
        "update": [*clipped, *rule.equations],
        "constants": constants,
        "l2": l2,
    }
