"""A small face model in the files' formats: an ellipsoid's front, 3 shape modes, 2 expressions."""

import numpy as np
import scipy.io

ROWS, COLUMNS = 24, 20
PIXELS_PER_UNIT = 1e-3


def grid_triangles():
    """(T, 3) from zero, over ROWS x COLUMNS vertices in row-major order."""
    first = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)[:-1, :-1].ravel()
    upper = np.stack([first, first + COLUMNS, first + 1], axis=1)
    lower = np.stack([first + 1, first + COLUMNS, first + COLUMNS + 1], axis=1)
    return np.concatenate([upper, lower])


def arrays():
    """Mean (3V, 1) y up, bases, uv (V, 2) with v up, landmarks (68,) from zero."""
    rng = np.random.default_rng(0)
    v, u = (grid.ravel() for grid in np.mgrid[1 : 0 : ROWS * 1j, 0 : 1 : COLUMNS * 1j])
    x, y = (u - 0.5) * 140e3, (v - 0.5) * 160e3
    z = 100e3 * np.sqrt(1 - (u - 0.5) ** 2 - (v - 0.5) ** 2)
    mean = np.stack([x, y, z], axis=1).reshape(-1, 1)
    return {
        "mean": mean * 0.99,
        "expression_mean": mean * 0.01,
        "shape": rng.normal(0, 1e-3, (len(mean), 3)),
        "expression": rng.normal(0, 2e3, (len(mean), 2)),
        "uv": np.stack([u, v], axis=1),
        "landmarks": rng.choice(ROWS * COLUMNS, 68, replace=False),
    }


def write_face3d(folder):
    """``BFM.mat`` and ``BFM_UV.mat`` as face3d's script writes them: counted from one."""
    parts = arrays()
    triangles = grid_triangles() + 1
    model = {
        "shapeMU": parts["mean"],
        "shapePC": parts["shape"],
        "expMU": parts["expression_mean"],
        "expPC": parts["expression"],
        "tri": triangles[:-4].T.astype(float),
        "tri_mouth": triangles[-4:].T.astype(float),
        "kpt_ind": (parts["landmarks"] + 1)[None].astype(float),
    }
    scipy.io.savemat(folder / "BFM.mat", {"model": model})
    scipy.io.savemat(folder / "BFM_UV.mat", {"UV": parts["uv"]})


def write_3ddfa(folder, untrimmed):
    """The same model as Basel's and 3DDFA's files; Basel's has vertices that 3DDFA leaves out."""
    parts = arrays()
    triangles = grid_triangles() + 1
    count = ROWS * COLUMNS
    kept = np.sort(np.random.default_rng(1).choice(count + 9, count, replace=False))
    mean, shape, uv = parts["mean"], parts["shape"], parts["uv"]
    if untrimmed:
        mean, shape, uv = (
            _spread(values, kept, count + 9, width)
            for values, width in ((mean, 3), (shape, 3), (uv, 1))
        )
        basel = {"shapeMU": mean, "shapePC": shape, "texMU": np.zeros((3, 1))}
        scipy.io.savemat(folder / "01_MorphableModel.mat", basel)
        info = {"trimIndex": kept[:, None] + 1, "tri": triangles.T}
        info["keypoints"] = parts["landmarks"][None] + 1
        scipy.io.savemat(folder / "model_info.mat", info)
    else:
        shapes = {"mu_shape": mean, "w": shape, "tri": triangles.T}
        shapes["keypoints"] = parts["landmarks"][None] + 1
        scipy.io.savemat(folder / "Model_Shape.mat", shapes)
    expressions = {"mu_exp": parts["expression_mean"], "w_exp": parts["expression"]}
    name = "Model_Expression.mat" if untrimmed else "Model_Exp.mat"
    scipy.io.savemat(folder / name, expressions)
    scipy.io.savemat(folder / "BFM_UV.mat", {"UV": uv})


def _spread(values, kept, count, width):
    """Rows (``width`` for each vertex) at the vertices ``kept`` of ``count``, 7 elsewhere."""
    spread = np.full((count, width * values.shape[1]), 7.0)
    spread[kept] = values.reshape(len(kept), -1)
    return spread.reshape(count * width, values.shape[1])


def write_sample(folder, name, pose, shape, expression, size=(300, 280)):
    """NAME.jpg, whose red is the column and green the row, and NAME.mat; size = height, width."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[: size[0], : size[1]]
    ramp = np.stack([columns * 0.8, rows * 0.8, np.full_like(rows, 60)], axis=-1)
    Image.fromarray(ramp.astype(np.uint8)).save(folder / f"{name}.jpg", quality=98, subsampling=0)
    scipy.io.savemat(
        folder / f"{name}.mat",
        {
            "Pose_Para": np.asarray(pose, np.float32)[None],
            "Shape_Para": np.asarray(shape)[:, None],
            "Exp_Para": np.asarray(expression)[:, None],
        },
    )
