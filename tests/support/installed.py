"""For the workflows: is what was installed whole? With a folder: is there a file for every machine, all of one version?

Without an argument it must run where chainrule is installed; `-P` keeps the modules beside it from taking names.
"""

import os
import re
import sys
import sysconfig
import tomllib
from fnmatch import fnmatch
from pathlib import Path

PYTHONS = ("cp311-cp311", "cp312-abi3", "cp314-cp314t")
MACHINES = ("manylinux_*_x86_64", "manylinux_*_aarch64", "musllinux_*_x86_64", "musllinux_*_aarch64")
MACHINES += ("macosx_*_x86_64", "macosx_*_arm64", "win_amd64", "win_arm64")


def installed() -> None:
    import chainrule as cr
    from chainrule.engines import kernel

    assert kernel.BUILT, "the wheel has no compiled kernel"
    net = cr.Network([2, 4, 1], hidden="tanh", output="sigmoid", seed=0)
    *_, last = net.train(*cr.datasets.flower(), cr.Adam(0.03), epochs=200, every=200, engine="native")
    assert last.cost < 0.5, last
    without_lock = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    assert not without_lock or not sys._is_gil_enabled(), "an import has brought the lock back"
    print(f"chainrule {cr.__version__}, {kernel.isa()}, Python {sys.version.split()[0]}, GIL {not without_lock}")


def release(folder: Path, tag: str) -> None:
    about = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    version = about["project"]["version"]
    assert tag in ("", f"v{version}"), f"the tag is {tag}, the version {version}"
    names = sorted(path.name for path in folder.iterdir())
    wanted = [f"chainrule-{version}.tar.gz"]
    wanted += [f"chainrule-{version}-{python}-{machine}.whl" for python in PYTHONS for machine in MACHINES]
    missing = [pattern for pattern in wanted if not any(fits(name, pattern) for name in names)]
    strange = [name for name in names if not any(fits(name, pattern) for pattern in wanted)]
    assert missing + strange == [], f"missing: {missing}, not expected: {strange}"
    print(*names, sep="\n")


def fits(name: str, pattern: str) -> bool:
    """Of several platforms in the name of a wheel, as auditwheel writes them, one is enough."""
    front, _, platforms = name.rpartition("-")
    last = platforms.removesuffix(".whl")
    return name == pattern or any(fnmatch(f"{front}-{one}.whl", pattern) for one in re.split(r"\.(?=\D)", last))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        release(Path(sys.argv[1]), os.environ.get("TAG", ""))
    else:
        installed()
