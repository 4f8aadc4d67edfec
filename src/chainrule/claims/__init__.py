"""The claims of the notes, tested: ``CLAIMS[name].run(seeds)`` is the experiment, its Result has the verdict."""

from chainrule.claims import depth, descent, outputs, units
from chainrule.claims.common import SEEDS, Claim, Result

CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in sorted(
        (*units.CLAIMS, *depth.CLAIMS, *descent.CLAIMS, *outputs.CLAIMS), key=lambda claim: claim.number
    )
}

__all__ = ["CLAIMS", "SEEDS", "Claim", "Result"]
