"""Known vulnerabilities of the packages in a folder, by pip-audit. It says so where it could not look.

    python tests/support/audit.py .venv/lib/python3.12/site-packages

pip-audit alone ends with "No known vulnerabilities found" where no source of them could be reached. Exit codes: 0 all
were checked and none has any, 1 some have, 3 something could not be checked.
"""

import json
import subprocess
import sys


def audited(folder: str, source: str) -> dict[str, dict]:
    """What one source knows: name → a dict with "version", and "vulns" if it was checked."""
    command = [sys.executable, "-m", "pip_audit", "--path", folder, "--service", source, "--format", "json"]
    done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["dependencies"] if done.stdout.startswith("{") else []
    return {package["name"]: package for package in found if package["name"] != "chainrule"}


def main(folder: str) -> int:
    """Ask one source after the other until each package is known to one; the exit code."""
    answers: dict[str, dict] = {}
    for source in ("pypi", "osv"):
        for name, package in audited(folder, source).items():
            if "vulns" in package or name not in answers:
                answers[name] = package
        if answers and all("vulns" in package for package in answers.values()):
            break
    checked = {name: package for name, package in answers.items() if "vulns" in package}
    if not checked:
        print("NOT CHECKED: no source of known vulnerabilities could be reached, or none knew a single dependency.")
        return 3
    for name, package in checked.items():
        for known in package["vulns"]:
            mended = ", ".join(known["fix_versions"]) or "no version yet"
            print(f"{name} {package['version']}: {known['id']}, mended in {mended}")
    vulnerable = sum(bool(package["vulns"]) for package in checked.values())
    print(f"{len(checked)} dependencies checked, {vulnerable} with known vulnerabilities.")
    if missed := sorted(answers.keys() - checked.keys()):
        print(f"NOT CHECKED: {', '.join(missed)}")
    return 1 if vulnerable else 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
