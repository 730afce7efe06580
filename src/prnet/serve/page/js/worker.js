// The networks' thread: the page stays quick while they work. Messages: {id, task, ...} -> {id, ...},
// and {progress} while the files come. A bitmap goes back with the answer.
import { PersonCurves } from "./curves.js";
import { loadModels } from "./models.js";
import { withPose } from "./reconstruct.js";
import { fromRgba, plain } from "./resample.js";
import { Smoother } from "./smooth.js";
import { Tracker } from "./track.js";

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
  return fromRgba(context.getImageData(0, 0, width, height));
}

let tracker, people = new Map();

const tasks = {
  async photo({ bitmap }) {
    const models = await loaded, start = performance.now();
    const faces = await models.reconstruct(pixels(bitmap));
    const described = faces.map((face) => {
      return { ...withPose(models.layout, face), curves: new PersonCurves(models.curves).of(face) };
    });
    return { faces: described, ms: performance.now() - start };
  },

  /** A film begins. */
  async start() {
    tracker = new Tracker(await loaded);
    people = new Map();
    return { faces: [] };
  },

  async frame({ bitmap, seconds, smooth }) {
    const models = await loaded, { layout, settings, times } = models;
    times.detect = 0;
    tracker ??= new Tracker(models); // after a worker that died
    const start = performance.now(), picture = pixels(bitmap);
    const read = performance.now() - start;
    const found = await tracker.follow(picture, seconds), followed = performance.now();
    // Who is away for a frame starts afresh: the filter holds nothing of the way between.
    people = new Map(found.map(({ track }) => [track, people.get(track) ?? {
      smoother: new Smoother(layout, settings.smooth), curves: new PersonCurves(models.curves),
    }]));
    const faces = found.map((face) => {
      const { smoother, curves } = people.get(face.track);
      const shown = smooth ? smoother.steady(face, seconds) : { ...face, map: face.map.slice() };
      return { ...withPose(layout, shown, "some"), curves: curves.of(shown) };
    });
    const steady = performance.now() - followed, known = tracker.tracks.map(({ number }) => number);
    return { faces, known, times: { ...times, read, steady, total: performance.now() - start } };
  },
};

async function answer({ id, task, ...given }) {
  try {
    const { faces, ...rest } = await tasks[task](given), { bitmap } = given;
    const maps = faces.map((face) => face.map.buffer);
    postMessage({ id, bitmap, faces, ...rest }, bitmap ? [bitmap, ...maps] : maps);
  } catch (error) {
    postMessage({ id, error: String(error.message ?? error) });
  }
}

// One after another: the networks' answers to two at once would be mixed.
let last = Promise.resolve();
onmessage = ({ data }) => (last = last.then(() => answer(data)));
