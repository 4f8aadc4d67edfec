"""The engine "jax": the equations and the optimizers traced by JAX, and compiled for the device that it finds.

Nothing else imports it before somebody asks for it: JAX is an extra.
"""

from chainrule.engines.jax.engine import Jax
from chainrule.engines.jax.engine import bf16_obstacle as bf16_obstacle

ENGINE = Jax()
