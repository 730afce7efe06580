"""The 2018 network in plain NumPy, by the definitions and nothing else: the oracle of the tests.

Images are (rows, columns, channels); weights and names are the TensorFlow checkpoint's.
"""

import numpy as np


def same_padding(size, kernel, stride):
    """TensorFlow's SAME: output size = ceil(size / stride), the odd pixel of padding goes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv_same(x, weights, stride=1):
    """Weights (kh, kw, in, out): each output is a weighted sum over a window of the padded x."""
    kh, kw, _, outputs = weights.shape
    rows, columns = -(-x.shape[0] // stride), -(-x.shape[1] // stride)
    padding = same_padding(x.shape[0], kh, stride), same_padding(x.shape[1], kw, stride), (0, 0)
    padded = np.pad(x, padding)
    out = np.zeros((rows, columns, outputs))
    for i in range(kh):
        for j in range(kw):
            window = padded[i : i + stride * (rows - 1) + 1 : stride]
            out += window[:, j : j + stride * (columns - 1) + 1 : stride] @ weights[i, j]
    return out


def conv_transpose_same(x, weights, stride=1):
    """Weights (kh, kw, out, in): each input spreads a weighted kernel; then SAME's padding is cut.

    It is the adjoint of `conv_same` from the larger image to x.
    """
    kh, kw, outputs, _ = weights.shape
    rows, columns = x.shape[:2]
    spread = np.zeros((stride * (rows - 1) + kh, stride * (columns - 1) + kw, outputs))
    for i in range(kh):
        for j in range(kw):
            window = spread[i : i + stride * (rows - 1) + 1 : stride]
            window[:, j : j + stride * (columns - 1) + 1 : stride] += x @ weights[i, j].T
    top, _ = same_padding(stride * rows, kh, stride)
    left, _ = same_padding(stride * columns, kw, stride)
    return spread[top : top + stride * rows, left : left + stride * columns]


def batch_norm(x, tensors, scope, epsilon=1e-3):
    mean, variance, gamma, beta = (
        tensors[f"{scope}/BatchNorm/{name}"]
        for name in ("moving_mean", "moving_variance", "gamma", "beta")
    )
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def relu(x):
    return np.maximum(x, 0)


def resfcn256(crop, tensors):
    """Crop (256, 256, 3) in 0..1 -> position map (256, 256, 3) in crop pixels."""
    tensors = {name: np.asarray(value, np.float64) for name, value in tensors.items()}

    def conv(x, scope, stride=1):
        return conv_same(x, tensors[f"{scope}/weights"], stride)

    x = relu(batch_norm(conv(crop, "resfcn256/Conv"), tensors, "resfcn256/Conv"))
    for index in range(10):
        scope = "resfcn256/resBlock" + (f"_{index}" if index else "")
        stride = 2 - index % 2
        shortcut = conv(x, f"{scope}/shortcut", stride) if stride == 2 else x
        x = relu(batch_norm(conv(x, f"{scope}/Conv"), tensors, f"{scope}/Conv"))
        x = relu(batch_norm(conv(x, f"{scope}/Conv_1", stride), tensors, f"{scope}/Conv_1"))
        x = relu(batch_norm(conv(x, f"{scope}/Conv_2") + shortcut, tensors, scope))
    for index in range(17):
        scope = "resfcn256/Conv2d_transpose" + (f"_{index}" if index else "")
        stride = 2 if index in (1, 4, 7, 10, 12) else 1
        x = conv_transpose_same(x, tensors[f"{scope}/weights"], stride)
        x = batch_norm(x, tensors, scope)
        x = relu(x) if index < 16 else 1 / (1 + np.exp(-x))
    return x * 256 * 1.1


def random_tensors(shapes, seed=0):
    """Float32 numbers for each name and shape, such that the output varies, and not chaotically."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in sorted(shapes.items()):
        kind = name.rsplit("/", 1)[-1]
        if kind == "weights":
            inputs = shape[3] if "transpose" in name else shape[2]
            value = rng.normal(0, (2 / (shape[0] * shape[1] * inputs)) ** 0.5, shape)
        elif kind == "gamma":
            value = rng.uniform(0.4, 1.2, shape)
        elif kind == "moving_variance":
            value = rng.uniform(0.5, 1.5, shape)
        else:
            value = rng.normal(0, 0.3, shape)
        tensors[name] = value.astype(np.float32)
    return tensors
