"""Where the paper's recipe takes its samples from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from prnet.evaluation.protocols import nme
from prnet.facemodel.basel import BaselFaceModel
from prnet.facemodel.fits300w import SIZE
from prnet.geometry.crop import CropRule
from prnet.layout.layout2018 import read_uv_folder, read_weight_mask
from prnet.layout.uv_layout import default_layout
from prnet.network.crop_rules import RULES_2018
from prnet.training.config import Setting, TrainConfig
from prnet.training.data.dataset import PreparedData, as_images, crop_squares
from prnet.training.data.lp300w import Lp300wDataset
from prnet.training.losses import PART_WEIGHTS
from prnet.training.paper.recipe import Example, PaperLoss, undisturbed
from prnet.training.validate import Validation

LANDMARK_WEIGHT = 16.0
"""Section 3.2."""
VALIDATION_CROPS = 64


class Lp300wMaps:
    """A 300W-LP folder, the Basel Face Model and the 2018 release's UV files."""

    crop_rules: Mapping[str, CropRule] = RULES_2018

    def __init__(self, config: TrainConfig) -> None:
        self.layout = read_uv_folder(config.uv_data)
        self.weights = self.layout.vertices(read_weight_mask(config.uv_data, self.layout.region))
        model = BaselFaceModel.load(config.face_model)
        self._dataset = Lp300wDataset(config.data, model, seed=config.seed)

    def __len__(self) -> int:
        return len(self._dataset)

    def settings(self) -> list[Setting]:
        return [
            Setting("data", f"300W-LP, {len(self)} photos", "section 3.3"),
            Setting("positions", "Basel Face Model, made for each sample", "section 3.1"),
            Setting("crop", "1.5 x the landmarks' box +-10 %, centre +-10 %", "face3d's script"),
            Setting("weights", "16:4:3:0, 0 outside the face", "section 3.2"),
        ]

    def example(self, index: int, epoch: int) -> Example:
        self._dataset.epoch = epoch
        crop, position_map = self._dataset[index]
        points = [self.layout.vertices(position_map), self.layout.sample_landmarks(position_map)]
        return Example(
            image=torch.tensor(crop).permute(2, 0, 1).float() / 255,
            points=torch.from_numpy(np.concatenate(points)),
            centre=torch.full((2,), (SIZE - 1) / 2),
            side=torch.tensor(float(SIZE)),
        )

    def validation(self, loss: PaperLoss) -> Callable[[nn.Module], dict[str, float]]:
        """The paper keeps no photo back: NME of training photos, undisturbed."""
        picks = np.linspace(0, len(self) - 1, min(len(self), VALIDATION_CROPS)).astype(int)

        def validate(network: nn.Module) -> dict[str, float]:
            device = next(network.parameters()).device
            errors = []
            self._dataset.jitter = False
            for index in picks.tolist():
                batch = undisturbed(self.example(index, epoch=0))
                with torch.no_grad():
                    _, landmarks = loss.predict(network, batch.crops.to(device))
                errors.append(
                    nme(landmarks[..., :2].cpu().numpy(), batch.landmarks[..., :2].numpy())
                )
            self._dataset.jitter = True
            return {"training photos": round(float(np.mean(errors)), 4)}

        return validate


class PreparedMaps:
    """Our prepared photos and views with their mirror images, as 300W-LP has them, too."""

    crop_rules: Mapping[str, CropRule] = {}

    def __init__(self, config: TrainConfig) -> None:
        self.layout = default_layout()
        self._data = PreparedData(config.data, full_maps=True)
        parts = range(len(self._data.parts))
        rows = [self._data.rows(part, self._data.training_rows(part)) for part in parts]
        self._rows = torch.cat(rows)
        weights = PART_WEIGHTS[self.layout.parts]
        columns, rows = np.rint(self.layout.landmarks).astype(int).T
        weights[rows, columns] = LANDMARK_WEIGHT
        self.weights = weights[self.layout.region]

    def __len__(self) -> int:
        return 2 * len(self._rows)

    def settings(self) -> list[Setting]:
        size = self._data.parts[0].crops.shape[1]
        return [
            Setting("data", f"{len(self._rows)} photos and views, and their mirror images", "ours"),
            Setting("positions", "ICT-FaceKit, at every pixel of our UV layout", "ours"),
            Setting("crop", f"1.5 x the landmarks' longer side, from {size} pixels", "ours"),
            Setting("weights", "16:4:3, ears 1, neck 0.5 (part of our mesh)", "section 3.2, ours"),
        ]

    def example(self, index: int, epoch: int) -> Example:
        pick, mirrored = divmod(index, 2)
        crops, labels = self._data.gather(self._rows[pick : pick + 1])
        image = as_images(crops)[0]
        points = self._data.positions(labels)[0]
        points[:, 2] -= points[:-68, 2].min()
        if mirrored:
            image = image.flip(2)
            points[:, 0] = image.shape[2] - 1 - points[:, 0]
            points = points[self._data.mirror_order]
        centre, side = crop_squares(points[None])
        return Example(image, points, centre[0], side[0])

    def validation(self, loss: PaperLoss) -> Callable[[nn.Module], dict[str, float]]:
        return Validation(self._data, loss, crop_size=SIZE, count=VALIDATION_CROPS)
