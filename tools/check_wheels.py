"""Whether the bare install resolves to wheels, for every platform and Python that we name.

    python tools/check_wheels.py

Asks pip, which installs nothing (``--dry-run``); a line each: what pip would install, or its error.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import tomllib

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
LINUX = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
PLATFORMS = {
    "Linux x86-64": [f"{kind}_x86_64" for kind in LINUX],
    "Linux arm64": [f"{kind}_aarch64" for kind in LINUX],
    "macOS arm64": [
        *(f"macosx_{version}_arm64" for version in ("14_0", "13_0", "12_0", "11_0")),
        *(f"macosx_{version}_universal2" for version in ("13_0", "10_10")),
    ],
    "Windows x86-64": ["win_amd64"],
    "Windows arm64": ["win_arm64"],
}


def main() -> None:
    project = Path(__file__).parents[1] / "pyproject.toml"
    wanted = tomllib.loads(project.read_text())["project"]["dependencies"]
    for platform, tags in PLATFORMS.items():
        for python in PYTHONS:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
            command += ["--target", "nowhere", "--only-binary", ":all:", "--implementation", "cp"]
            command += ["--report", "-", "--python-version", python]
            command += [part for tag in tags for part in ("--platform", tag)]
            done = subprocess.run([*command, *wanted], capture_output=True, text=True)
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            print(f"{platform:15} {python:5}", *(errors[-1:] or ["wheels for all"]), flush=True)


if __name__ == "__main__":
    main()
