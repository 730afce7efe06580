import numpy as np
import numpy_oracle as oracle
import pytest

torch = pytest.importorskip("torch", reason="needs prnet[train]")
onnx = pytest.importorskip("onnx", reason="needs prnet[train]")

from torch import nn  # noqa: E402

from prnet.errors import PrnetError  # noqa: E402
from prnet.network.position_map_network import PositionMapNetwork  # noqa: E402
from prnet.training.networks.export import export_onnx  # noqa: E402
from prnet.training.networks.resfcn256 import (  # noqa: E402
    ResFCN256,
    SameConv,
    SameTransposedConv,
    UpsamplingConv,
    load_tensorflow,
    parameter_count,
    tensorflow_views,
)


def random_network(seed=0):
    network = ResFCN256().eval()
    tensors = oracle.random_tensors(
        {name: view.shape for name, view in tensorflow_views(network).items()}, seed
    )
    load_tensorflow(network, tensors)
    return network, tensors


def test_parameter_count():
    """The trainable tensors of the released checkpoint hold so many numbers."""
    assert parameter_count(ResFCN256()) == 13_353_618


@pytest.mark.parametrize(
    ("make", "transposed", "kernel", "stride"),
    [
        (lambda: SameConv(3, 5), False, 4, 1),
        (lambda: SameConv(3, 5, 4, 2), False, 4, 2),
        (lambda: SameConv(3, 5, 1, 1), False, 1, 1),
        (lambda: SameConv(3, 5, 1, 2), False, 1, 2),
        (lambda: SameTransposedConv(3, 5), True, 4, 1),
        (lambda: UpsamplingConv(3, 5), True, 4, 2),
    ],
)
def test_convolutions_equal_the_definition(make, transposed, kernel, stride):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(kernel, kernel, 5, 3) if transposed else (kernel, kernel, 3, 5))
    x = rng.normal(size=(8, 12, 3))
    if transposed:
        expected = oracle.conv_transpose_same(x, weights, stride)
    else:
        expected = oracle.conv_same(x, weights, stride)
    from prnet.training.networks.resfcn256 import _to_tensorflow

    conv = make()
    _to_tensorflow(conv)[...] = weights
    with torch.no_grad():
        result = conv(torch.from_numpy(x.transpose(2, 0, 1)[None]).float())[0]
    np.testing.assert_allclose(result.permute(1, 2, 0).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_oracle_transposed_convolution_is_the_adjoint(stride):
    """<conv(x), y> = <x, conv_transpose(y)>: what TensorFlow means by conv2d_transpose."""
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(4, 4, 2, 3))
    x, y = rng.normal(size=(12, 8, 2)), rng.normal(size=(12 // stride, 8 // stride, 3))
    left = (oracle.conv_same(x, weights, stride) * y).sum()
    right = (x * oracle.conv_transpose_same(y, weights, stride)).sum()
    assert left == pytest.approx(right)


def test_network_and_onnx_equal_the_oracle(tmp_path):
    """To 1e-4 of the crop size with float32 storage; float16 storage costs below a pixel here."""
    network, tensors = random_network()
    crop = np.random.default_rng(4).integers(0, 256, (256, 256, 3), np.uint8)
    expected = oracle.resfcn256(crop / 255, tensors)
    assert expected.std(axis=(0, 1)).min() > 5  # the random network says something
    with torch.no_grad():
        maps = network.double()(torch.from_numpy(crop).permute(2, 0, 1)[None].double() / 255)
    np.testing.assert_allclose(maps[0].permute(1, 2, 0).numpy(), expected, atol=1e-6)
    network.float()

    reported = export_onnx(network, tmp_path / "full.onnx", crop_size=256, half_storage=False)
    full = PositionMapNetwork(tmp_path / "full.onnx", threads=1)(crop[None])[0]
    np.testing.assert_allclose(full, expected, atol=0.0256)
    assert reported < 0.0256

    reported = export_onnx(network, tmp_path / "half.onnx", crop_size=256)
    half = PositionMapNetwork(tmp_path / "half.onnx", threads=1)(crop[None])[0]
    assert 1e-3 < np.abs(half - expected).max() < 1
    assert 1e-3 < reported < 1
    sizes = [(tmp_path / name).stat().st_size for name in ("half.onnx", "full.onnx")]
    assert sizes[0] < 0.52 * sizes[1]


def test_missing_and_misshapen_tensors_are_named():
    network, tensors = random_network()
    with pytest.raises(PrnetError, match="got one without resfcn256/Conv/weights"):
        load_tensorflow(
            network, {k: v for k, v in tensors.items() if k != "resfcn256/Conv/weights"}
        )
    tensors["resfcn256/Conv/weights"] = tensors["resfcn256/Conv/weights"][:3]
    with pytest.raises(PrnetError, match=r"Conv/weights: expected shape \(4, 4, 3, 16\), got"):
        load_tensorflow(network, tensors)


class Tiny(nn.Module):
    """Any module that keeps the contract, with a batch norm and a constant in pixels."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean_map", torch.linspace(0, 255, 3 * 64 * 64).view(3, 64, 64))
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, crops):
        return nn.functional.interpolate(
            self.norm(self.conv(crops)) * 100 + self.mean_map, scale_factor=4
        )


def test_export_takes_any_batch_and_leaves_the_module_as_it_was(tmp_path):
    torch.manual_seed(0)
    network = Tiny().train()
    path = tmp_path / "tiny.onnx"
    samples = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    difference = export_onnx(network, path, crop_size=64, half_storage=False, sample_crops=samples)
    assert difference < 1e-3
    assert network.training
    exported = PositionMapNetwork(path, threads=1)
    crops = np.random.default_rng(5).integers(0, 256, (5, 64, 64, 3), np.uint8)
    singly = np.concatenate([exported(crop[None]) for crop in crops])
    np.testing.assert_allclose(exported(crops), singly, atol=1e-4)
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.onnx"]


def test_half_storage_is_for_weights_alone(tmp_path):
    """Variances pass 65504 easily, and pixels want more than 11 bits."""
    torch.manual_seed(0)
    network = Tiny().eval()
    variance = network.norm.running_var
    assert variance is not None
    variance.fill_(1e6)
    export_onnx(network, tmp_path / "tiny.onnx", crop_size=64)
    crop = np.full((1, 64, 64, 3), 200, np.uint8)
    maps = PositionMapNetwork(tmp_path / "tiny.onnx", threads=1)(crop)
    assert np.isfinite(maps).all()
    stored = {
        (tensor.data_type, len(tensor.dims))
        for tensor in onnx.load(tmp_path / "tiny.onnx").graph.initializer
    }
    assert (onnx.TensorProto.FLOAT16, 4) in stored
    assert (onnx.TensorProto.FLOAT16, 1) not in stored
    assert (onnx.TensorProto.FLOAT, 3) in stored
