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

    Raises
    ------
    RuntimeError
        JAX finds none of the platforms that it is told to use.
    """
    try:
        import jax
    except ImportError:
        remark = 'without JAX: engine="jax" needs an extra, pip install "chainrule[jax]"'
        return Devices([Device("cpu", "cpu", _memory())], remark)
    found = [Device(each.platform, each.device_kind, _memory(each)) for each in of_jax(jax)]
    if found[0].platform == "cpu":
        remark = "JAX sees no GPU; on a processor the default engine is faster"
    else:
        remark = 'engine="jax" trains on the first'
    return Devices(found, remark)


def of_jax(jax: Any) -> list[Any]:
    """The devices of this process as JAX gives them. RuntimeError where it finds none that it may use."""
    try:
        return list(jax.local_devices())
    except (AssertionError, RuntimeError) as error:  # the first without a word, for a platform that is not installed
        why = f": {error}" if str(error) else ""
        told = os.environ.get("JAX_PLATFORMS")
        advice = (
            f"JAX_PLATFORMS is {told!r}: unset it, or install JAX for that platform" if told else "see jax.devices()"
        )
        raise RuntimeError(f"JAX finds no device to compute on{why}. {advice}") from None


def _memory(device: Any = None) -> int | None:
    """Bytes of a device of JAX; for a processor, of the machine."""
    if device is not None and device.platform != "cpu":
        stats = device.memory_stats()
        return int(stats["bytes_limit"]) if stats else None
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
