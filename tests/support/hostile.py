"""Files as an enemy would write them: right checksums around whatever is to be refused."""

import hashlib
import json
import subprocess
import sys

import numpy as np

from chainrule.files import codec, container

ZEROS = b'"sha256":"' + b"0" * 64 + b'"'


def framed(header: bytes | str, data: bytes = b"", multiple: int = 64) -> bytes:
    """A file with this header, in which the checksum is 64 zeros, and with these bytes as arrays."""
    header = header.encode() if isinstance(header, str) else header
    header += b" " * (-(8 + len(header)) % multiple)
    length = len(header).to_bytes(8, "little")
    checksum = hashlib.sha256(length + header + data).hexdigest().encode()
    return length + header.replace(ZEROS, b'"sha256":"' + checksum + b'"', 1) + data


def file(rows: object = None, data: bytes = b"", texts: dict | None = None, multiple: int = 64) -> bytes:
    """A file with these rows (text, or a dict) and texts."""
    meta = {"chainrule_format": str(container.FORMAT), **(texts or {}), "sha256": "0" * 64}
    rows = json.dumps(rows or {}, separators=(",", ":"))[1:-1] if not isinstance(rows, str) else rows
    header = f'{{"__metadata__":{json.dumps(meta, separators=(",", ":"))}{"," if rows else ""}{rows}}}'
    return framed(header, data, multiple)


def model_file(path, tree: object, arrays: dict[str, np.ndarray] | None = None, kind: str = "Network") -> None:
    """A model file with this tree (JSON text, or what becomes it) in it."""
    model = tree if isinstance(tree, str) else json.dumps(tree)
    container.write(path, {"about": json.dumps({"kind": kind}), "model": model}, arrays or {})


def parts(model) -> tuple[dict, dict[str, np.ndarray]]:
    """The tree of a model and its arrays, to be changed."""
    arrays: dict[str, np.ndarray] = {}
    return json.loads(json.dumps(codec.encode(model, arrays))), {name: np.array(a) for name, a in arrays.items()}


def alone(code: str, *arguments: object, memory: int = 0, seconds: float = 60) -> subprocess.CompletedProcess:
    """A program of its own, with at most so many bytes of memory beyond what it has after its imports, and seconds."""
    limit = f"""
import resource
taken = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (taken + {memory}, taken + {memory}))
"""
    imports = """
import sys, os, signal
import numpy as np, sklearn.pipeline, sklearn.preprocessing, chainrule as cr
from chainrule.files import container, model as modelfile, codec, guards
"""
    program = imports + (limit if memory else "") + code
    command = [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds)
