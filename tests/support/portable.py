"""The kernel for other compilers, processors and systems, as far as this machine can build and run it: `make portable`.

What it takes besides g++: clang and lld; g++-aarch64-linux-gnu and qemu-user-static; Zig (`pip install ziglang`), which
brings musl, and what it takes to compile for macOS and Windows. What is not there is left out, and the table at the end
says so. With words, `make portable FOR="macOS musl"`, only the rows whose names have one of them.

Two programs are built for each target: `values` trains with every activation, loss and optimizer and compares with the
reference in Python; `threads` is the one of `make tsan`.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "portable"
SOURCES = ("trainer", "lanes", "machine", "moderate")
FLAGS = ["-std=c++20", "-O3", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
MARCH = {"baseline": [], "avx2": ["-march=x86-64-v3"], "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"]}
ZIG = {"baseline": [], "avx2": ["-mcpu=x86_64_v3"], "avx512": ["-mcpu=x86_64_v4"]}


@dataclass
class Target:
    name: str
    compiler: list[str]
    x86: bool
    runner: list[str] | None  # [] runs it here; None: there is no way to
    only: tuple[str, ...] = ("values", "threads")
    isas: tuple[str, ...] = ()  # that the program must find on the emulated processor

    def march(self) -> dict[str, list[str]]:
        table = ZIG if "ziglang" in self.compiler else MARCH
        return table if self.x86 else {"baseline": []}


def targets() -> Iterator[Target]:
    zig = [sys.executable, "-m", "ziglang", "c++"]
    arm, x86 = ["qemu-aarch64-static"], ["qemu-x86_64-static"]
    here = os.uname().machine == "x86_64"
    yield Target(
        "x86-64 Linux, no AVX", ["g++", "-static"], True, [*x86, "-cpu", "Nehalem"], ("values",), ("baseline",)
    )
    yield Target(
        "x86-64 Linux, AVX2", ["g++", "-static"], True, [*x86, "-cpu", "Haswell"], ("values",), ("baseline", "avx2")
    )
    yield Target("aarch64 Linux", ["aarch64-linux-gnu-g++", "-static", "-ffp-contract=on"], False, arm)
    yield Target("x86-64 musl", [*zig, "-target", "x86_64-linux-musl"], True, [] if here else None)
    yield Target("aarch64 musl", [*zig, "-target", "aarch64-linux-musl"], False, arm)
    yield Target("x86-64 macOS 11", [*zig, "-target", "x86_64-macos.11.0"], True, None)
    yield Target("arm64 macOS 11", [*zig, "-target", "aarch64-macos.11.0"], False, None)
    yield Target("x86-64 Windows", [*zig, "-target", "x86_64-windows-gnu"], True, None)
    yield Target("arm64 Windows", [*zig, "-target", "aarch64-windows-gnu"], False, None)


# -- what is expected --------------------------------------------------------------------------------------------------


def write_values(path: Path) -> None:
    """The cases of native_values.cpp, with what the reference computes in float64."""
    from chainrule.engines import ENGINES, native
    from chainrule.training.train import prepare
    from support.contract import HIDDEN, OPTIMIZERS, PAIRS, network, problem, rng_of

    cases = list(product(HIDDEN, PAIRS))
    lines = [str(len(cases))]
    for k, (hidden, (loss, output)) in enumerate(cases):
        sizes, optimizer, m, epochs, l2 = (
            [[5, 17, 2], [5, 17, 9, 2]][k % 2],
            OPTIMIZERS[k % len(OPTIMIZERS)],
            41,
            3,
            0.1,
        )
        X, Y = problem(loss, output, 5, 2, m, rng_of(k))
        net = network(sizes, hidden, output, loss, seed=k)
        start = net.parameters.copy()
        state = prepare(net, net.check_examples(X, Y), optimizer, l2=l2)
        costs = ENGINES["numpy"].run(state, epochs)
        constants = {
            "rule": type(optimizer).__name__,
            **native._UNUSED,
            **native._CONSTANTS[type(optimizer)](optimizer),
        }
        rule = [constants[key] for key in ("rule", "beta1", "beta2", "epsilon", "weight_decay", "epsilon_hat")]
        about = [f"{hidden},{loss},{output},{type(optimizer).__name__}", net.L, *sizes, *(g.name for g in net.g[1:])]
        about += [0 if g.alpha is None else g.alpha for g in net.g[1:]]
        about += [net.loss.name, 0 if net.loss.delta is None else net.loss.delta, *rule, l2, m, epochs]
        about += [state.learning_rate(0)] * epochs + [start.size]
        lines.append(" ".join(map(text, [*about, *X.T.ravel(), *Y.T.ravel(), *start, *costs, *net.parameters])))
    path.write_text("\n".join(lines), encoding="ascii")


def text(value: Any) -> str:
    return value if isinstance(value, str) else repr(float(value))


# -- building and running ----------------------------------------------------------------------------------------------


def call(command: list[Any], log: Path, **environment: str) -> str | None:
    """What went wrong, in a line; None if nothing did."""
    with log.open("a") as file:
        print("$", *command, file=file, flush=True)
        run = subprocess.run(
            list(map(str, command)), stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, **environment}
        )
    return None if run.returncode == 0 else f"exit code {run.returncode}: {log.relative_to(ROOT)}"


def there(command: list[str]) -> bool:
    if "ziglang" in command:
        return subprocess.run([sys.executable, "-m", "ziglang", "version"], capture_output=True).returncode == 0
    return shutil.which(command[0]) is not None


def build(target: Target, folder: Path, log: Path) -> str | None:
    march = target.march()
    dispatch = ["-DCHAINRULE_DISPATCH=1"] if target.x86 else []
    jobs = [(f"kernel_{isa}", "native/kernel.cpp", [f"-DCHAINRULE_ISA={isa}", *flags]) for isa, flags in march.items()]
    jobs += [(name, f"native/{name}.cpp", []) for name in SOURCES]
    jobs += [(f"main_{name}", f"tests/support/native_{name}.cpp", []) for name in target.only]

    def compile_one(job: tuple[str, str, list[str]]) -> str | None:
        name, source, flags = job
        command = [*target.compiler, *FLAGS, *dispatch, *flags, "-c", source, "-o", folder / f"{name}.o"]
        return call(command, log)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        if wrong := next(filter(None, pool.map(compile_one, jobs)), None):
            return wrong
    parts = [folder / f"{name}.o" for name, *_ in jobs if not name.startswith("main_")]
    for name in target.only:
        command = [*target.compiler, folder / f"main_{name}.o", *parts, "-o", folder / name]
        if wrong := call([*command, "-pthread"], log):
            return wrong
    return None


def tried(target: Target, values: Path) -> tuple[str, str]:
    """Whether it could be built, and what came out when it ran."""
    folder = BUILD / target.name.replace(" ", "-").replace(",", "")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "log"
    if not there(target.compiler):
        return f"no: there is no {'Zig' if 'ziglang' in target.compiler else target.compiler[0]}", "no"
    if wrong := build(target, folder, log):
        return f"FAILED: {wrong}", "no"
    if target.runner is None:
        return "yes", "no: there is no such machine here"
    if target.runner and shutil.which(target.runner[0]) is None:
        return "yes", f"no: there is no {target.runner[0]}"
    for name in target.only:
        if wrong := call([*target.runner, folder / name, *([values] if name == "values" else [])], log):
            return "yes", f"FAILED: {wrong}"
    said = log.read_text()
    found = tuple(isa for isa in ("baseline", "avx2", "avx512") if f"{isa}, float64" in said)
    if target.isas and found != target.isas:
        return "yes", f"FAILED: found {found}, wanted {target.isas}"
    return "yes", f"passed: {' and '.join(target.only)}; {', '.join(found)}"


def clang() -> tuple[str, str]:
    """The extension by clang, in an environment that sees the packages of this one but not its chainrule."""
    if shutil.which("clang++") is None:
        return "no: there is no clang++", "no"
    folder, log = BUILD / "clang", BUILD / "clang.log"
    log.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    packages = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(packages, "here.pth").write_text(sysconfig.get_path("purelib"))  # files .pth of that folder do not count
    settings = (f"build-dir={BUILD / 'clang-objects'}", "cmake.define.CHAINRULE_WERROR=ON")
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-build-isolation",
        "-v",
        ".",
    ]
    if wrong := call([*install, *(f"--config-settings={s}" for s in settings)], log, CXX="clang++"):
        return f"FAILED: {wrong}", "no"
    own = "import chainrule._native as n; assert 'portable' in n.__file__, n.__file__"
    if wrong := call([python, "-c", own], log):
        return f"FAILED: {wrong}", "no"
    tests = [
        python,
        "-m",
        "pytest",
        "-q",
        "-n",
        os.cpu_count(),
        "-p",
        "no:cacheprovider",
        "tests/engines/test_native.py",
    ]
    if wrong := call(tests, log):
        return "yes", f"FAILED: {wrong}"
    return "yes", "passed: tests/engines/test_native.py"


def main(words: list[str]) -> int:
    BUILD.mkdir(parents=True, exist_ok=True)
    values = BUILD / "values.txt"
    write_values(values)

    def wanted(name: str) -> bool:
        return not words or any(word in name for word in words)

    rows = [("this system, by clang", "clang", *clang())] if wanted("this system, by clang") else []
    for target in filter(lambda target: wanted(target.name), targets()):
        compiler = "Zig" if "ziglang" in target.compiler else target.compiler[0]
        rows.append((target.name, compiler, *tried(target, values)))
        print(*rows[-1], sep=" | ", flush=True)
    rows.append(("Windows", "clang-cl", "no: .github/workflows/wheels.yml does", "no"))
    rows.append(("macOS", "Apple's clang", "no: .github/workflows/wheels.yml does", "no"))
    head = ("for", "by", "built", "run")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(4)]
    print(
        "\n" + "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in [head, *rows])
    )
    return int(any("FAILED" in cell for row in rows for cell in row))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
