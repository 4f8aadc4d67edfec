"""Types that many rooms use."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]  # of the dtype and the shape that the text beside it says
