"""The compiled kernel as Python sees it (native/bindings.cpp). Its messages are terse: our own doors check first."""

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

_Array = np.ndarray[Any, np.dtype[Any]]
_Array32 = np.ndarray[Any, np.dtype[np.float32]]
_Array64 = np.ndarray[Any, np.dtype[np.float64]]
_Counts = np.ndarray[Any, np.dtype[np.int64]]

def functions() -> list[str]: ...
def losses() -> list[tuple[str, str]]: ...
def rules() -> list[str]: ...
def isas() -> list[str]: ...
def available_threads() -> int: ...
def ask(question: Callable[[], None]) -> None: ...
def peak(isa: str, wide: bool, threads: int) -> float: ...

class Hyper:
    def __init__(
        self,
        rule: str,
        beta1: float,
        beta2: float,
        epsilon: float,
        weight_decay: float,
        epsilon_hat: bool,
        l2: float,
        clip_norm: float,
        dropout: Sequence[float],
        batch_size: int,
        mask_key: int,
    ) -> None: ...

class Data32:
    @overload
    def __init__(self, X: _Array32, Y: _Array32 | None, weights: _Array32 | None) -> None: ...
    @overload
    def __init__(
        self,
        inputs: int,
        values: _Array32,
        columns: _Array,
        starts: _Array,
        Y: _Array32 | None,
        weights: _Array32 | None,
    ) -> None: ...

class Data64:
    @overload
    def __init__(self, X: _Array64, Y: _Array64 | None, weights: _Array64 | None) -> None: ...
    @overload
    def __init__(
        self,
        inputs: int,
        values: _Array64,
        columns: _Array,
        starts: _Array,
        Y: _Array64 | None,
        weights: _Array64 | None,
    ) -> None: ...

class Trainer32:
    def __init__(
        self, sizes: Sequence[int], functions: Sequence[str], alphas: Sequence[float], loss: str, delta: float, isa: str
    ) -> None: ...
    @property
    def isa(self) -> str: ...
    @property
    def threads(self) -> int: ...
    def forward(self, parameters: _Array32, X: _Array32, out: _Array32) -> None: ...
    def evaluate(self, parameters: _Array32, data: Data32, out: _Array32) -> float: ...
    def cost_and_gradients(self, parameters: _Array32, data: Data32, l2: float, gradient: _Array32) -> float: ...
    def run(
        self,
        data: Data32,
        hyper: Hyper,
        rates: Sequence[float],
        order: _Counts | None,
        parameters: _Array32,
        slots: Sequence[_Array32],
        counts: _Counts,
    ) -> list[float]: ...

class Trainer64:
    def __init__(
        self, sizes: Sequence[int], functions: Sequence[str], alphas: Sequence[float], loss: str, delta: float, isa: str
    ) -> None: ...
    @property
    def isa(self) -> str: ...
    @property
    def threads(self) -> int: ...
    def forward(self, parameters: _Array64, X: _Array64, out: _Array64) -> None: ...
    def evaluate(self, parameters: _Array64, data: Data64, out: _Array64) -> float: ...
    def cost_and_gradients(self, parameters: _Array64, data: Data64, l2: float, gradient: _Array64) -> float: ...
    def run(
        self,
        data: Data64,
        hyper: Hyper,
        rates: Sequence[float],
        order: _Counts | None,
        parameters: _Array64,
        slots: Sequence[_Array64],
        counts: _Counts,
    ) -> list[float]: ...
