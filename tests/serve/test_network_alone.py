"""The JavaScript of docs/onnx.md, as it stands there, beside ONNX Runtime for Python."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from prnet.packaged import DATA, SAMPLE_PHOTO

DOCUMENT = Path(__file__).parents[2] / "docs" / "onnx.md"

RUN = """
async ([bytes, left, top, side]) => {
  const ort = await import("./vendor/ort.min.js");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await (await fetch("vendor/ort.wasm")).arrayBuffer();
  const photo = Object.assign(new Image(), { src: "data:image/jpeg;base64," + bytes });
  await photo.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 128, height: 128 });
  EXAMPLE
  return [Array.from(rgb), Array.from(position_maps.data), Array.from(presence.data)];
}
"""


def test_the_example_gives_the_map(browser: Any, site: str) -> None:
    (example,) = re.findall(r"```js\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    first, example = example.split("\n", 1)
    assert first == 'import * as ort from "onnxruntime-web";'
    script = RUN.replace("EXAMPLE", example.replace('"network.onnx"', '"models/network.onnx"'))
    photo = base64.b64encode(SAMPLE_PHOTO.read_bytes()).decode()
    page = browser.new_page()
    page.goto(site + "settings.json")  # the host's, without the page's own work
    left, top, side = 144.5, 44.5, 160.0
    rgb, found, presence = page.evaluate(script, [photo, left, top, side])
    page.close()
    session = onnxruntime.InferenceSession(str(DATA / "network.onnx"))
    crop = np.array(rgb, np.uint8).reshape(1, 128, 128, 3)
    with Image.open(SAMPLE_PHOTO) as picture:
        box = (left, top, left + side, top + side)
        cut = picture.convert("RGB").resize((128, 128), Image.Resampling.BILINEAR, box=box)
    assert np.abs(crop[0].astype(int) - np.asarray(cut, int)).mean() < 5
    maps, expected, _ = session.run(None, {"crops": crop})
    np.testing.assert_allclose(np.reshape(found, maps.shape), maps, atol=0.02)
    np.testing.assert_allclose(presence, expected, atol=0.001)
    assert presence[0] > 0.8
