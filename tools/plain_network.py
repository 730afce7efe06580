"""Make a network file of an older export plain, and write its description into it.

    python tools/plain_network.py src/prnet/data/network.onnx

`prnet.training.networks.export` does the same to what it writes; results stay the same to the bit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx

from prnet.training.networks.plain_onnx import describe, make_plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    path = parser.parse_args().network
    model = onnx.load(path)
    make_plain(model)
    describe(model)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
