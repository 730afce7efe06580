"""The libraries of the page, from the npm registry: onnxruntime-web and three.js, with licences.

  python tools/vendor_page.py

Needs npm, and the Python package onnxruntime for the licences of what is compiled into it, which
the npm package leaves out. three.js is cut to what the page uses and minified by esbuild: 0.5 MB
in place of 2.1. The WebAssembly (14 MB) is kept as gzip, as which it is served.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import onnxruntime

VERSIONS = {"onnxruntime-web": "1.30.0", "three": "0.187.0", "esbuild": "0.28.2"}
VENDOR = Path(__file__).parents[1] / "src/prnet/serve/page/vendor"
THREE = (
    *("WebGLRenderer", "Scene", "PerspectiveCamera", "BufferGeometry", "BufferAttribute", "Mesh"),
    *("ShaderMaterial", "DataTexture", "Texture", "Vector2", "Vector3", "Matrix3", "GLSL3"),
    *("FloatType", "RGBAFormat", "NearestFilter", "LinearFilter", "DoubleSide"),
)
"""What the page uses, besides OrbitControls."""


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    VENDOR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        packages = [f"{name}@{version}" for name, version in VERSIONS.items()]
        subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", work, *packages],
            check=True,
        )
        modules = work / "node_modules"
        ort = modules / "onnxruntime-web/dist"
        _copy_text(ort / "ort.wasm.bundle.min.mjs", VENDOR / "ort.min.js")
        wasm = (ort / "ort-wasm-simd-threaded.wasm").read_bytes()
        (VENDOR / "ort.wasm.gz").write_bytes(gzip.compress(wasm, 9, mtime=0))
        _bundle_three(work)
        shutil.copy(modules / "three/LICENSE", VENDOR / "LICENSE.three")
    licences = Path(onnxruntime.__file__).parent
    shutil.copy(licences / "LICENSE", VENDOR / "LICENSE.onnxruntime")
    notices = (licences / "ThirdPartyNotices.txt").read_bytes()
    (VENDOR / "NOTICES.onnxruntime.txt.gz").write_bytes(gzip.compress(notices, 9, mtime=0))
    names = sorted(path.name for path in VENDOR.iterdir() if path.name != "VERSIONS.json")
    sums = {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in names}
    text = json.dumps({"versions": VERSIONS, "sha256": sums}, indent=2)
    (VENDOR / "VERSIONS.json").write_text(text + "\n")


def _copy_text(source: Path, target: Path) -> None:
    """Without the address of a source map that is not there."""
    lines = source.read_text().splitlines()
    target.write_text("\n".join(x for x in lines if not x.startswith("//# sourceMapping")) + "\n")


def _bundle_three(work: Path) -> None:
    entry = work / "three_used.js"
    entry.write_text(
        f'export {{ {", ".join(THREE)} }} from "three";\n'
        'export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";\n'
    )
    esbuild = work / "node_modules/.bin/esbuild"
    options = ["--bundle", "--minify", "--format=esm", "--legal-comments=inline"]
    subprocess.run([esbuild, entry, *options, f"--outfile={VENDOR / 'three.min.js'}"], check=True)


if __name__ == "__main__":
    main()
