// Steady faces: the One-Euro filter on the head's pose and on the map in the head's frame:
// prnet/video/smooth.py.
import { nearestRotation, times } from "./camera.js";
import { cameraOf } from "./reconstruct.js";
import { placeOf } from "./track.js";

/** Of points of `width` numbers each: a low-pass filter whose cutoff rises with a point's speed,
 *  faster where `quick` says so. */
export class OneEuro {
  constructor(constants, width, quick = new Uint8Array(1)) {
    Object.assign(this, { c: constants, width, quick });
  }

  steady(points, passed, size) {
    const { MIN_CUTOFF, BETA, SPEED_CUTOFF, SUDDEN, QUICK } = this.c, { width, raw, quick } = this;
    if (!raw) {
      this.speed = new Float32Array(points.length);
      this.held = Float32Array.from(points);
    } else {
      const { speed, held } = this, follow = share(SPEED_CUTOFF, passed), unit = 1 / (passed * size);
      for (let i = 0; i < points.length; i += width) {
        let now = 0, lately = 0;
        for (let k = i; k < i + width; k++) {
          const moved = (points[k] - raw[k]) * unit;
          now += moved * moved;
          speed[k] += follow * (moved - speed[k]);
          lately += speed[k] * speed[k];
        }
        const fast = Math.max(Math.sqrt(lately), Math.sqrt(now) - SUDDEN);
        const beta = quick[i / width] ? QUICK * BETA : BETA;
        const part = share(MIN_CUTOFF + beta * fast, passed);
        for (let k = i; k < i + width; k++) held[k] += part * (points[k] - held[k]);
      }
    }
    this.raw = points;
    return this.held;
  }
}

function share(cutoff, passed) {
  const rate = 2 * Math.PI * passed * cutoff;
  return rate / (rate + 1);
}

/** The filter of one track. */
export class Smoother {
  constructor(layout, constants) {
    Object.assign(this, { layout, c: constants });
  }

  /** A face of the track at its time -> a steady one, with its camera. */
  steady(face, seconds) {
    const { LONGEST_GAP } = this.c;
    if (!(seconds - this.seconds > 0 && seconds - this.seconds <= LONGEST_GAP)) {
      const widths = { turn: 9, place: 3, scale: 1 };
      for (const [name, width] of Object.entries(widths)) this[name] = new OneEuro(this.c, width);
      this.shape = new OneEuro(this.c, 3, this.layout.quick);
      this.seconds = seconds;
    }
    const passed = seconds - this.seconds, size = placeOf(face).size;
    this.seconds = seconds;
    const camera = cameraOf(this.layout, face.map, "some");
    // A turn by one radian, and a size that doubles, move points half a face size away.
    const shape = this.shape.steady(inHead(face.map, camera), passed, size / camera.scale);
    const turn = this.turn.steady(camera.rotation.flat(), passed, 2);
    const translation = [...this.place.steady(camera.translation, passed, size)];
    const scale = Math.exp(this.scale.steady([Math.log(camera.scale)], passed, 2)[0]);
    const rotation = nearestRotation([0, 3, 6].map((i) => [...turn.slice(i, i + 3)]));
    const map = inImage(shape, { scale, rotation, translation });
    return { ...face, map: this.layout.setOrigin(map), landmarks: this.layout.landmarks(map) };
  }
}

function inHead(map, { scale, rotation: r, translation }) {
  const rows = [0, 1, 2].map((i) => [r[0][i] / scale, -r[1][i] / scale, r[2][i] / scale]);
  const origin = times(rows, translation), out = new Float32Array(map.length);
  const [[a, b, c], [d, e, f], [g, h, k]] = rows;
  for (let i = 0; i < map.length; i += 3) {
    const x = map[i], y = map[i + 1], z = map[i + 2];
    out[i] = a * x + b * y + c * z - origin[0];
    out[i + 1] = d * x + e * y + f * z - origin[1];
    out[i + 2] = g * x + h * y + k * z - origin[2];
  }
  return out;
}

function inImage(points, { scale, rotation: r, translation: t }) {
  const rows = [1, -1, 1].map((sign, i) => r[i].map((value) => scale * sign * value));
  const [[a, b, c], [d, e, f], [g, h, k]] = rows, out = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 3) {
    const x = points[i], y = points[i + 1], z = points[i + 2];
    out[i] = a * x + b * y + c * z + t[0];
    out[i + 1] = d * x + e * y + f * z + t[1];
    out[i + 2] = g * x + h * y + k * z + t[2];
  }
  return out;
}
