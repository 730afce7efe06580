"""A step stays on its device: nothing comes from the CPU, and no number is read.

On no GPU but on torch's fake tensors, which have a device and a shape and nothing in them: to read
from them is an error, and so are operations between devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs prnet[train]")

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from prnet.training import judging, losses, recipes
from prnet.training.config import TrainConfig
from prnet.training.data import draws, jpeg, stored
from prnet.training.data.draws import Draws
from prnet.training.distributed import Process
from prnet.training.log import Log
from prnet.training.networks.compact import CompactNetwork
from prnet.training.train import _Losses, learn, tensor_cores, update_average

DEVICE = torch.device("lazy", 0)
"""A device of torch's that has no hardware, and a name here for a GPU."""


class StaysThere(TorchDispatchMode):
    """Tensors of other devices are errors; numbers, () each, are not: kernels take them along."""

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for each in tree_leaves((args, kwargs, made)):
            if isinstance(each, Tensor) and each.ndim and each.device != DEVICE:
                raise AssertionError(f"{func}: a tensor {tuple(each.shape)} on {each.device}")
        return made


@pytest.fixture
def _fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(draws, "generator", lambda device: torch.Generator())
    monkeypatch.setattr(stored, "free_memory", lambda device: 1 << 40)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    for made_once in (jpeg._constants, jpeg._cosines, losses._quaternion_products):
        made_once.cache_clear()  # fake tensors are of one mode
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def moved(network: nn.Module) -> nn.Module:
    """`nn.Module.to`, which cannot do so with fake tensors."""
    for module in network.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                there = weight.detach().to(DEVICE)
                module._parameters[name] = nn.Parameter(there, weight.requires_grad)
        for name, value in module._buffers.items():
            module._buffers[name] = None if value is None else value.to(DEVICE)
    return network


def recipe_of(prepared: Path) -> recipes.CompactRecipe:
    config = TrainConfig(data=prepared, device="lazy", batch=64)
    return recipes.CompactRecipe(config, DEVICE)


@pytest.mark.usefixtures("_fake_gpu")
def test_a_step_stays_on_its_device(prepared: Path, tmp_path: Path) -> None:
    """The first makes what is made once."""
    recipe = recipe_of(prepared)
    assert recipe.data.stored.on_device
    network, averaged = moved(recipe.network()), moved(recipe.network())
    losses_of = _Losses(recipe, network)
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    process = Process(0, 1, DEVICE)
    log = Log(tmp_path / "log.jsonl", {}, leads=True)
    for step in range(1, 4):
        with StaysThere() if step > 1 else nullcontext():
            batch = recipe.batch(step, slice(0, 64))
            assert {each.device for each in batch} == {DEVICE}
            told = learn(losses_of, batch, optimizer, clip=5.0)
            update_average(averaged, network, 0.998, step)
            log.add(step, {name: process.mean(loss) for name, loss in told.items()})
            assert not process.any(False)
    with pytest.raises(Exception, match="_local_scalar_dense"):  # here is where it is read
        log.means(step)


@pytest.mark.usefixtures("_fake_gpu")
def test_judging_reads_nothing_in_its_steps(prepared: Path) -> None:
    recipe = recipe_of(prepared)
    recipe.data.negatives = recipe.data.found_faces = recipe.data.found_others = np.zeros(
        (6, 192, 192, 3), np.uint8
    )
    network = moved(CompactNetwork()).eval()
    assert isinstance(network, CompactNetwork)
    network.judge.requires_grad_(True)
    settings = judging.Judging(samples=64, batch=64, seed=0, shares={})
    parts = judging._batch(recipe.data, settings, Draws(0, device=DEVICE))
    assert {each.device for each in (*parts[0], *parts[1:])} == {DEVICE}
    loss = judging._loss(network, recipe._loss, *parts)
    torch.autograd.backward(loss)
    assert loss.device == DEVICE


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_only_gpus_round_and_only_in_steps(device: str) -> None:
    def rounds() -> tuple[bool, bool]:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark

    with tensor_cores(torch.device(device)):
        assert rounds() == ((device == "cuda"),) * 2
    assert rounds() == (False, False)


@pytest.mark.usefixtures("_fake_gpu")
@pytest.mark.parametrize(
    "mistake",
    [
        lambda there: float(there[0]),
        lambda there: there.tolist(),
        lambda there: there[there > 0],
        lambda there: there + torch.zeros(4),
        lambda there: there[torch.zeros(2, dtype=torch.int64)],
        lambda there: there * there.new_tensor([0, 0, 0, 1]),
        lambda there: torch.from_numpy(np.zeros(4)).to(there),
    ],
)
def test_mistakes_are_noticed(mistake: Callable[[Tensor], object]) -> None:
    there = torch.zeros(4, device=DEVICE)
    with StaysThere(), pytest.raises((AssertionError, RuntimeError)):
        mistake(there)
