"""The claims of the notes, tested: ``CLAIMS[name].run(seeds)`` is the experiment, its Result has the verdict."""

from chainrule.claims import activations, cats, descent, outputs, parity, passes, units, weights
from chainrule.claims.common import SEEDS, Claim, NotRunError, Result

_MODULES = (activations, cats, descent, outputs, parity, passes, units, weights)
_FOUND = [thing for module in _MODULES for thing in vars(module).values() if isinstance(thing, Claim)]
CLAIMS = {claim.name: claim for claim in sorted(_FOUND, key=lambda claim: claim.number)}

__all__ = ["CLAIMS", "SEEDS", "Claim", "NotRunError", "Result"]
