// Files of the page -> settings, layout and networks, with progress.
import { env, InferenceSession, Tensor } from "../vendor/ort.min.js";
import { joined } from "./bytes.js";
import { CurveModel } from "./curves.js";
import { Detector } from "./detector.js";
import { Layout } from "./layout.js";
import { Reconstructor } from "./reconstruct.js";

const ROOT = new URL("../", import.meta.url);

/** `progress(share)`: 0..1 of the bytes of all files. */
export async function loadModels(progress = () => {}) {
  const settings = await (await fetched("settings.json")).json();
  const got = {}, total = Object.values(settings.files).reduce((sum, size) => sum + size, 0);
  const load = async ([name]) => {
    const bytes = await read(name, (length) => {
      got[name] = length;
      const done = Object.entries(got).reduce(
        (sum, [file, count]) => sum + Math.min(count, settings.files[file]), 0,
      );
      progress(done / total);
    });
    return [name, bytes];
  };
  const files = Object.fromEntries(await Promise.all(Object.entries(settings.files).map(load)));
  env.wasm.numThreads = 1;
  env.wasm.wasmBinary = files["vendor/ort.wasm"];
  const open = (name) => InferenceSession.create(new Uint8Array(files[name]));
  const first = await open("models/detector.onnx"); // the first loads the WebAssembly
  const [second, network] = [
    await open("models/detector_refine.onnx"), await open("models/network.onnx"),
  ];
  const layout = new Layout(settings.layout, files["layout.bin"]);
  const detector = new Detector(first, second, Tensor, settings);
  const models = new Reconstructor(detector, network, Tensor, layout, settings);
  return Object.assign(models, { curves: new CurveModel(settings.curves, files["curves.bin"]) });
}

async function fetched(name) {
  const response = await fetch(new URL(name, ROOT));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response;
}

async function read(name, report) {
  const reader = (await fetched(name)).body.getReader();
  const parts = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    report(length);
  }
  return joined(parts).buffer;
}
