"""The 2018 release's checkpoint and UV files -> a model folder for ``--model``."""

from __future__ import annotations

from pathlib import Path

from prnet.errors import PrnetError
from prnet.files.atomic import write_bytes, write_folder_atomically
from prnet.layout.layout2018 import read_uv_folder
from prnet.network.crop_rules import RULES_2018, save_crop_rules
from prnet.release2018.tf_checkpoint import Checkpoint
from prnet.training.networks.export import export_onnx
from prnet.training.networks.resfcn256 import CROP_SIZE, ResFCN256, load_tensorflow, parameter_count

CARD = """\
# resfcn256, imported from the 2018 release

- Weights: TensorFlow checkpoint `{checkpoint}`, {parameters:,} trainable parameters, stored as
  {storage}. Largest difference between this file and the checkpoint's network in float32:
  {difference:.2g} crop pixels (two random crops).
- Network: Feng et al., "Joint 3D Face Reconstruction and Dense Alignment with Position Map
  Regression Network", ECCV 2018, section 3.2.
- Input `crops`: uint8 (B, 256, 256, 3) RGB. Output `position_maps`: float32 (B, 256, 256, 3), x
  right, y down, z nearer = larger, in crop pixels; z is 0 at the face's minimum.
- UV layout `prnet-2018`: {vertices:,} vertices, {triangles:,} triangles ({origin}).
- Crop in training: 1.5 x the mean of width and height of the box of the 68 landmarks.
  `crop_rules.json` has those to use, as the 2018 release does.
- Terms: its authors trained it on 300W-LP with the Basel Face Model, both for research only; the
  authors' own terms for these weights hold.
"""


def import_checkpoint(
    net_data: str | Path,
    uv_data: str | Path,
    out: str | Path,
    *,
    skip_checksums: bool = False,
    half_storage: bool = False,
) -> float:
    """Write ``network.onnx``, ``uv_layout.npz``, ``crop_rules.json`` and ``MODEL_CARD.md`` to the
    new folder ``out``.

    Returns the largest difference of the written network to the checkpoint's, in crop pixels.
    ``out`` appears whole or not at all. Raises PrnetError for unfit files, or if it is not empty.
    """
    out = Path(out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise PrnetError(f"{out}: expected a new or empty folder, got one with something in it")
    layout = read_uv_folder(uv_data)
    checkpoint = Checkpoint(net_data, skip_checksums=skip_checksums)
    network = ResFCN256()
    load_tensorflow(network, checkpoint)

    with write_folder_atomically(out) as temporary:
        difference = export_onnx(
            network, temporary / "network.onnx", crop_size=CROP_SIZE, half_storage=half_storage
        )
        layout.save(temporary / "uv_layout.npz")
        save_crop_rules(temporary, RULES_2018)
        card = CARD.format(
            checkpoint=checkpoint.prefix.name,
            parameters=parameter_count(network),
            storage="float16" if half_storage else "float32",
            difference=difference,
            vertices=len(layout.vertex_pixels),
            triangles=len(layout.triangles),
            origin="the pixel grid's" if layout.explicit_triangles is None else "triangles.txt",
        )
        write_bytes(temporary / "MODEL_CARD.md", card.encode())
    return difference
