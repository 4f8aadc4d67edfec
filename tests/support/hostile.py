"""Files as an enemy would write them: right checksums around whatever is to be refused."""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from multiprocessing import reduction

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


def alone(code: str, *arguments: object, memory: int = 0) -> subprocess.CompletedProcess:
    """A program of its own, with at most so many bytes of memory beyond what it has after its imports.

    It may compute for a minute. It is a child of a process that has its imports behind it: they would take most of it.
    """
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["sklearn.pipeline", "sklearn.preprocessing", "chainrule.estimators"])
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        told = [reduction.DupFd(each.fileno()) for each in (out, err)]
        process = forks.Process(target=_run, args=(code, list(map(str, arguments)), memory, *told))
        process.start()
        process.join(110)  # pytest gives a test two minutes
        process.kill()
        process.join()
        printed = [each.seek(0) or each.read() for each in (out, err)]
        return subprocess.CompletedProcess(code, process.exitcode, *printed)


def _run(code: str, arguments: list[str], memory: int, out, err) -> None:
    os.dup2(out.detach(), 1)
    os.dup2(err.detach(), 2)
    warnings.simplefilter("ignore")
    sys.argv[1:] = arguments
    program = """
import sys, os, resource, signal
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
import numpy as np, sklearn.pipeline, sklearn.preprocessing, chainrule as cr
from chainrule.files import container, model as modelfile, codec, guards
"""
    limit = f"""
taken = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (taken + {memory}, taken + {memory}))
"""
    exec(program + (limit if memory else "") + code, {"__name__": "__main__"})


# -- containers: the entries of arrays, and headers ------------------------------------------------------------------


def entry(dtype="F64", shape=(1,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


ENTRIES = {
    "a huge shape": entry(shape=[2**47]),
    "a shape beyond 64 bits": entry(shape=[2**63]),
    "a product that overflows to the right length": entry(shape=[2**32, 2**32], offsets=[0, 0]),
    "a product that overflows to one number": entry(shape=[2**63 + 1, 2]),
    "no elements in huge rows": entry(shape=[2**40, 0], offsets=[0, 0]),
    "no elements in many huge rows": entry(shape=[2**15, 2**15, 0], offsets=[0, 0]),
    "a negative size": entry(shape=[-1], offsets=[0, 8]),
    "two negative sizes": entry(shape=[-1, -1]),
    "a size with a point": entry(shape=[1.0]),
    "true for one": entry(shape=[True]),
    "a text for a size": entry(shape=["1"]),
    "none for a size": entry(shape=[None]),
    "a size that is huge as a float": entry(shape=[1e300]),
    "a shape that is a number": entry(shape=1),
    "a shape that is a text": entry(shape="1"),
    "a shape that is a dict": entry(shape={"1": 1}),
    "too many dimensions": entry(shape=[1] * 33),
    "an unknown dtype": entry(dtype="F128"),
    "an object dtype": entry(dtype="O"),
    "a dtype in NumPy's words": entry(dtype="<f8"),
    "a dtype that is a list": entry(dtype=["F64"]),
    "offsets that are negative": entry(offsets=[-8, 0]),
    "offsets backwards": entry(offsets=[8, 0]),
    "offsets with points": entry(offsets=[0.0, 8.0]),
    "offsets that are true": entry(shape=[], dtype="U8", offsets=[False, True]),
    "one offset": entry(offsets=[0]),
    "three offsets": entry(offsets=[0, 8, 8]),
    "offsets beyond the end": entry(offsets=[0, 16], shape=[2]),
    "offsets beyond 64 bits": entry(offsets=[2**64, 2**64 + 8]),
    "no offsets": {"dtype": "F64", "shape": [1]},
    "an entry that is a list": ["F64", [1], [0, 8]],
    "an entry that is none": None,
}

TABLES = {
    "overlapping": ({"a": entry(), "b": entry()}, 8),
    "overlapping by half": ({"a": entry(shape=[2], offsets=[0, 16]), "b": entry(shape=[2], offsets=[8, 24])}, 24),
    "a gap at the beginning": ({"a": entry(offsets=[8, 16])}, 16),
    "a gap between": ({"a": entry(), "b": entry(offsets=[16, 24])}, 24),
    "a gap at the end": ({"a": entry()}, 16),
    "not at a multiple of its size": ({"a": entry("U8", [1], [0, 1]), "b": entry(offsets=[1, 9])}, 9),
    "no arrays, but bytes": ({}, 8),
}

META = f'"__metadata__":{{"chainrule_format":"{container.FORMAT}","sha256":"{"0" * 64}"}}'

HEADERS = {
    "a name twice": f'{{{META},"a":{json.dumps(entry())},"a":{json.dumps(entry())}}}',
    "texts twice": f"{{{META},{META.replace('0' * 64, '1' * 64)}}}",
    "a key twice in an entry": f'{{{META},"a":{{"dtype":"U8","dtype":"F64","shape":[1],"data_offsets":[0,8]}}}}',
    "texts that are none": "{" + META.replace('"sha', '"n":1,"sha') + "}",
    "texts that are a list": f'{{"__metadata__":[{META[15:]}]}}',
    "no checksum": f'{{"__metadata__":{{"chainrule_format":"{container.FORMAT}"}},"x":[{{"sha256":"{"0" * 64}"}}]}}',
    "two checksums": f'{{{META},"x":[{{"sha256":"{"0" * 64}"}}]}}',
    "NaN": f'{{{META},"a":NaN}}',
    "Infinity": f'{{{META},"a":[-Infinity]}}',
    "a number that is huge": f'{{{META},"a":{"9" * 10000}}}',
    "an exponent that is huge": f'{{{META},"a":{{"dtype":"F64","shape":[1e999999999],"data_offsets":[0,8]}}}}',
    "lists in lists": f'{{{META},"a":{"[" * 100_000}{"]" * 100_000}}}',
    "lists in lists, not closed": f'{{{META},"a":{"[" * 100_000}',
    "dicts in dicts": f'{{{META},"a":{"{" + chr(34) + "a" + chr(34) + ":"}' * 1 + '{"a":' * 50_000,
    "lists in lists, as deep as JSON reads them": f'{{{META},"a":{"[" * 300}{"]" * 300}}}',
    "a lone surrogate": f'{{{META},"\\ud800":{{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}}}',
    "more after the end": f"{{{META}}}{{}}",
    "nothing": "{}",
    "no texts": f'{{"a":{json.dumps(entry())}}}',
    "a comment": f"{{{META}/**/}}",
}


# -- models: what they say of themselves, and trees ------------------------------------------------------------------

ABOUT_TEXTS = [
    "[]",
    "1",
    "null",
    "{}",
    '{"kind":1}',
    '{"kind":["x"]}',
    "NaN",
    '{"kind":NaN}',
    "{",
    "[" * 10_000,
    '{"kind":"Network","a":' + "[" * 400 + "]" * 400 + "}",
]

ABOUTS = [
    {},
    {"layers": 3},
    {"layers": [{"units": []}]},
    {"layers": [[]] * 5, "inputs": {}},
    {"preprocessing": 1},
    {"columns": {"a": 1}},
    {"about": 1},
    {"about": {"target": []}},
    {"training": {"epochs": "x"}},
    {"classes": "x" * 100_000},
    {"about": {"target": "x", "rows": 1}},
    {"chainrule": ["x"], "numpy": None, "scikit-learn": 1},
    {"columns": [[]] * 100_000},
]


def thing(name, **state):
    return {"$": "object", "type": name, "state": state}


TREES = {
    "a number": "1",
    "a text": '"x"',
    "none": "null",
    "a list": "[]",
    "an empty dict": "{}",
    "no JSON": "{",
    "nothing": "",
    "NaN": "NaN",
    "a marker without a word": '{"$":null}',
    "an unknown marker": '{"$":"eval"}',
    "a marker in a list": '{"$":[]}',
    "an object without a state": '{"$":"object","type":"sklearn.pipeline.Pipeline"}',
    "an object with a list as state": json.dumps(thing("sklearn.pipeline.Pipeline") | {"state": []}),
    "an object of a list of types": json.dumps(thing("x") | {"type": []}),
    "a network of nothing": '{"$":"Network","at":"","state":{}}',
    "a network in a list": '[{"$":"Network"}]',
    "a network that is a text": '{"$":"Network","at":"","state":"sizes"}',
    "an array that is not there": '{"$":"array","at":"x"}',
    "a scalar of an object": '{"$":"scalar","dtype":"object","is":1}',
    "a scalar of a list": '{"$":"scalar","dtype":"float64","is":[1]}',
    "a dtype of a record": '{"$":"dtype","is":"i4,i4"}',
    "a float of words": '{"$":"float","is":"x"}',
    "bytes of words": '{"$":"bytes","is":"x"}',
    "a dict of numbers": '{"$":"dict","of":[1,2]}',
    "a dict of lists": '{"$":"dict","of":[[[],1]]}',
    "a set of lists": '{"$":"set","of":[[]]}',
    "a checkpoint without a network": '{"network":1}',
    "a slice of one": '{"$":"slice","of":[1]}',
    "a huge integer": "9" * 5000,
    "lists in lists": "[" * 100_000 + "]" * 100_000,
    "dicts in dicts": '{"a":' * 900 + "1" + "}" * 900,
    "tuples in tuples": '{"$":"tuple","of":[' * 190 + "]}" * 190,
    "a name twice": '{"a":1,"a":2}',
}

SIZES = [
    [],
    [3],
    [3, 4],
    [3, 4, 2, 1],
    [3, 4, 3],
    [3, -4, 2],
    [3, 0, 2],
    [3, 2**62, 2],
    [3, 1e9, 2],
    [3, 4.0, 2],
    [3, "4", 2],
    [3, None, 2],
    [True, 4, 2],
    "342",
    3,
    None,
    {},
    [4, 4, 2],
    [2**31, 2**31, 2**31],
    [[3], [4], [2]],
]

NETWORK_STATES = {
    "hidden": [
        ["relu", "relu"],
        "softmax",
        ["exp"],
        3,
        [None],
        [thing("sklearn.pipeline.Pipeline", steps=[])],
        "leaky_relu(",
        None,
    ],
    "output": ["relu6", None, 1, ["softmax"], "softmax(3)"],
    "loss": ["absolute", "huber(-1)", 1, "huber(nan)", []],
    "dtype": ["float16", "object", "float32", None, 1, "f8"],
    "normalizer": [
        1,
        "x",
        [],
        {"center": 1},
        thing("sklearn.pipeline.Pipeline", steps=[], memory=None),
        thing("chainrule.normalization.Normalizer", center=1, scale=1, clip=False),
        thing(
            "chainrule.normalization.Normalizer",
            center={"$": "array", "dtype": "|O", "shape": [3, 1], "of": [1, 2, 3]},
            scale={"$": "array", "dtype": "|O", "shape": [3, 1], "of": [1, 2, 3]},
            clip=False,
        ),
        thing("chainrule.normalization.Normalizer", center=None),
    ],
}


def blanks():
    one = {"$": "array", "dtype": "<U60000000", "shape": [1], "of": ["a"]}
    return [one] * 1000, {}


BOMBS = {
    "texts of blanks": blanks,
    "texts of more blanks": lambda: ([{"$": "array", "dtype": "<U90000", "shape": [1], "of": ["a"]}] * 50_000, {}),
    "keys that hash alike": lambda: ({"$": "dict", "of": [[k * (2**61 - 1), 0] for k in range(100_000)]}, {}),
    "keys of keys that hash alike": lambda: (
        {"$": "set", "of": [{"$": "tuple", "of": [k * (2**61 - 1)]} for k in range(50_000)]},
        {},
    ),
    "rows of nothing": lambda: ({"$": "floats", "at": "a"}, {"a": np.zeros((2**40, 0))}),
    "anything, in rows of nothing": lambda: ({"$": "array", "dtype": "|O", "shape": [2**40, 0], "of": []}, {}),
    "one list a thousand times": lambda: ([{"$": "floats", "at": "a"}] * 1000, {"a": np.zeros(10**6)}),
    "half numbers as a list": lambda: ({"$": "floats", "at": "a"}, {"a": np.zeros(10**6, np.float16)}),
    "many generators": lambda: ([{"$": "Generator", "state": {"bit_generator": "PCG64"}}] * 1000, {}),
    "names without end": lambda: (
        {"$": "Network", "at": "x" * 1000, "state": {"sizes": "1" * 100_000, "dtype": "float64"}},
        {},
    ),
    "a list of lists": lambda: ("[" + "[]," * 2_000_000 + "[]]", {}),
}
