"""The position map network: crops -> position maps, through ONNX Runtime.

Contract of a network file: input ``crops`` uint8 (B, S, S, 3) RGB with a fixed S; output
``position_maps`` float32 (B, 256, 256, 3) in crop pixels. ``prnet train`` and the converter of
the 2018 weights both write it, so that normalisation lies inside the file. A network that judges
itself has ``presence`` float32 (B,) and ``deviations`` float32 (B, 256, 256), too.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prnet.errors import PrnetError
from prnet.files.onnx_session import Device, OnnxSession, described, providers_of
from prnet.packaged import DATA

MAP_SIZE = 256
VARIANTS = ("fast", "accurate")
"""Names of ways to use the network in the package (`prnet.network.looks`)."""
OUTPUTS = ("position_maps", "presence", "deviations")


class Prediction(NamedTuple):
    """What a network says of B crops.

    position_maps: (B, 256, 256, 3) float32, x, y, z in crop pixels (centres on integers), z in the
    same unit, larger nearer. presence: (B,) float32 in 0..1, whether the crop shows a face, placed
    well enough; deviations: (B, 256, 256) float32 crop pixels, the standard deviation of a
    coordinate of each point. Both None where the network does not judge itself.
    """

    position_maps: NDArray[np.float32]
    presence: NDArray[np.float32] | None = None
    deviations: NDArray[np.float32] | None = None


class PositionMapNetwork:
    """A loaded network. Pickled and copied as its file's path; usable from many threads and, on the
    CPU, after ``fork``.

    ``model``: a model folder (network.onnx, uv_layout.npz, MODEL_CARD.md) or a network file;
    None is the network in the package. ``threads``: of one call; more than one rarely pays for a
    network this small. ``device``: where it runs; ``providers``: ONNX Runtime's own names in its
    place.
    Raises PrnetError when the file is missing or does not keep the contract.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        threads: int = 1,
        device: Device = "cpu",
        providers: Sequence[str] | None = None,
    ) -> None:
        self.path = network_file(model)
        self._session = OnnxSession(
            self.path,
            threads=threads,
            providers=providers_of(device) if providers is None else providers,
            needed=providers is None and device != "auto",
        )
        self.crop_size = _checked_crop_size(self._session, self.path)

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Crops (B, S, S, 3) uint8 RGB, S = ``crop_size`` -> position maps (B, 256, 256, 3)
        float32: x, y, z in crop pixels (centres on integers), z in the same unit, larger nearer."""
        return self._run(crops, OUTPUTS[:1]).position_maps

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:
        """Crops as for a call -> position maps with what the network thinks of them."""
        return self._run(crops, OUTPUTS if self.judges else OUTPUTS[:1])

    @property
    def judges(self) -> bool:
        """Whether presence and deviations come with the maps."""
        return set(OUTPUTS) <= set(self._session.outputs)

    def _run(self, crops: NDArray[np.uint8], outputs: Sequence[str]) -> Prediction:
        expected = (self.crop_size, self.crop_size, 3)
        if crops.ndim != 4 or crops.shape[1:] != expected or crops.dtype != np.uint8:
            size = self.crop_size
            raise PrnetError(
                f"expected crops of uint8 (B, {size}, {size}, 3), got {crops.dtype} {crops.shape}"
            )
        if len(crops) == 0:
            shapes = (MAP_SIZE, MAP_SIZE, 3), (), (MAP_SIZE, MAP_SIZE)
            empty = [np.zeros((0, *shape), np.float32) for shape in shapes]
            return Prediction(*empty[: len(outputs)])
        return Prediction(*self._session.run(outputs, {"crops": crops}))


def network_file(model: str | Path | None = None) -> Path:
    """The network file of a model folder, of a path to the file itself, or of the package."""
    if not isinstance(model, str | PathLike | None):
        raise PrnetError(f"expected a model's name, folder or file, got {type(model).__name__}")
    path = DATA if model is None or is_variant(model) else Path(model)
    return path / "network.onnx" if path.is_dir() else path


def is_variant(model: str | Path) -> bool:
    """Whether it names a way to use the package's network. A folder or file of that name goes
    before."""
    return str(model) in VARIANTS and not Path(model).exists()


def layout_file(model: str | Path | None = None) -> Path:
    """The UV layout file beside the network file."""
    return network_file(model).with_name("uv_layout.npz")


def _checked_crop_size(session: OnnxSession, path: Path) -> int:
    """S of the contract; PrnetError when the file has other inputs or outputs."""
    inputs, outputs = session.inputs, session.outputs
    crop_type, crop_shape = inputs.get("crops", ("", []))
    map_type, map_shape = outputs.get("position_maps", ("", []))
    size = crop_shape[1] if len(crop_shape) == 4 else None
    if not (
        len(inputs) == 1
        and crop_type == "tensor(uint8)"
        and isinstance(size, int)
        and crop_shape[1:] == [size, size, 3]
        and map_type == "tensor(float)"
        and map_shape[1:] == [MAP_SIZE, MAP_SIZE, 3]
    ):
        raise PrnetError(
            f"{path}: expected input crops uint8 (B, S, S, 3) and output position_maps float32 "
            f"(B, {MAP_SIZE}, {MAP_SIZE}, 3), got {described(inputs)} -> {described(outputs)}"
        )
    return size
