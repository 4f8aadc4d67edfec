"""The usual mistakes of a backward pass: what each one gives instead of dW[l] and db[l].

None of them is a formula of its own: each calls equations.py with a wrong array in one place.
"""

from copy import copy
from itertools import chain

import numpy as np

from chainrule.working.mistakes import examples, starts, way_back
from chainrule.working.mistakes.given import Given, Named
from chainrule.working.mistakes.lines import lines


class Mistakes(Given):
    """The mistakes for a network and examples."""

    def of_one_line(self) -> Named:
        """Mistakes that dW[l] may have and db[l] not, in words, and what each gives.

        The likeliest come first; the same words may come again.
        """
        with np.errstate(all="ignore"):  # a wrong formula may divide by zero
            zeros = {name: np.zeros(d.shape) for name, d in self.backward().items()}
            yield "it is zero everywhere: nothing was ever put in", zeros
            for meaning, factor in self.factors():
                for decay in dict.fromkeys((self.decay, factor * self.decay)):
                    yield meaning, self.backward(m=self.m / factor, decay=decay)
            yield from examples.weights(self)
            yield from examples.last_example(self)
            yield from lines(self)

    def of_dZ(self) -> Named:
        """Mistakes on the way back to dZ[l], which both dW[l] and db[l] have."""
        with np.errstate(all="ignore"):
            yield from way_back.slopes(self)
            yield from way_back.weights_back(self)

    def of_start(self) -> Named:
        """Mistakes in dZ[L] and before, which every tensor has."""
        with np.errstate(all="ignore"):
            for decay in dict.fromkeys((self.decay, -self.decay)):
                yield "the sign is the wrong way round: Y − A instead of A − Y", self.backward(-self.dZ, decay=decay)
            yield from examples.some_left_out(self)
            yield from starts.outputs(self)
            yield from examples.orders(self)
            yield from starts.forward(self)

    def not_finite(self) -> Named:
        """What makes numbers that are NaN, and which."""
        with np.errstate(all="ignore"):
            yield from starts.not_finite(self)

    def two_at_once(self) -> Named:
        """Each mistake with each of the usual factors."""
        with np.errstate(all="ignore"):
            for meaning, factor in self.factors():
                for decay in dict.fromkeys((self.decay, factor * self.decay)):
                    both = copy(self)
                    both.divisor, both.decay = self.m / factor, decay
                    for text, tensors in chain(lines(both), both.of_dZ(), both.of_start()):
                        yield f"{text}, and {meaning}", tensors
