// The networks' thread: the page stays quick while they work. Messages: {id, task, ...} -> {id, ...},
// and {progress} while the files come.
import { loadModels } from "./models.js";
import { withPose } from "./reconstruct.js";
import { fromRgba, plain } from "./resample.js";

const loaded = loadModels((progress) => postMessage({ progress }));
loaded.then(
  (models) => {
    postMessage({ ready: models.settings });
    return models.reconstruct(plain(128, 128, [128, 128, 128])); // first runs are slow
  },
  (error) => postMessage({ failed: String(error.message ?? error) }),
);

let canvas, context;

function pixels(bitmap) {
  const { width, height } = bitmap;
  if (canvas?.width !== width || canvas.height !== height) {
    canvas = new OffscreenCanvas(width, height);
    context = canvas.getContext("2d", { willReadFrequently: true });
  }
  context.clearRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return fromRgba(context.getImageData(0, 0, width, height));
}

const tasks = {
  async photo({ bitmap }) {
    const models = await loaded, start = performance.now();
    const faces = await models.reconstruct(pixels(bitmap));
    const posed = faces.map((face) => withPose(models.layout, face));
    return { faces: posed, ms: performance.now() - start };
  },
};

onmessage = async ({ data: { id, task, ...given } }) => {
  try {
    const answer = await tasks[task](given);
    postMessage({ id, ...answer }, answer.faces.map((face) => face.map.buffer));
  } catch (error) {
    postMessage({ id, error: String(error.message ?? error) });
  }
};
