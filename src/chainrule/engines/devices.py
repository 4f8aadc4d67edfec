"""What there is to compute on."""

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_GIB = 1 << 30


@dataclass(frozen=True)
class Device:
    """A processor, or a GPU.

    Attributes
    ----------
    platform : str
        "cpu", "gpu" or "tpu".
    kind : str
        What its maker calls it, as "NVIDIA H200".
    memory : int or None
        Bytes; None where it does not say.
    """

    platform: str
    kind: str
    memory: int | None

    def __str__(self) -> str:
        memory = "" if self.memory is None else f", {self.memory / _GIB:.3g} GiB"
        return f"{self.platform}: {self.kind}{memory}"


class Devices(list[Device]):
    """Devices, which print as a line for each, and what to know of them."""

    def __init__(self, devices: list[Device], remark: str) -> None:
        super().__init__(devices)
        self.remark = remark

    def __repr__(self) -> str:
        return "\n".join([*map(str, self), self.remark])


def devices() -> Devices:
    """The devices that ``engine="jax"`` may train on; the first is the one it takes.

    Returns
    -------
    list of Device
        Each with `platform`, `kind` and `memory`. Print it. Without JAX it is the processor, on which the other engines
        compute.
    """
    try:
        import jax
    except ImportError:
        remark = 'without JAX: engine="jax" needs an extra, pip install "chainrule[jax]"'
        return Devices([Device("cpu", "cpu", _memory())], remark)
    found = [Device(each.platform, each.device_kind, _memory(each)) for each in jax.local_devices()]
    if found[0].platform == "cpu":
        remark = "JAX sees no GPU; on a processor the default engine is faster"
    else:
        remark = 'engine="jax" trains on the first'
    return Devices(found, remark)


def _memory(device: Any = None) -> int | None:
    """Bytes of a device of JAX; for a processor, of the machine."""
    if device is not None and device.platform != "cpu":
        stats = device.memory_stats()
        return int(stats["bytes_limit"]) if stats else None
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
