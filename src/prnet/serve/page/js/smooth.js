// Steady faces: the One-Euro filter on the head's pose and on the map in the head's frame:
// prnet/video/smooth.py.
import { nearestRotation, times } from "./camera.js";
import { cameraOf } from "./reconstruct.js";
import { placeOf } from "./track.js";

/** A low-pass filter whose cutoff rises with speed. */
class OneEuro {
  constructor(constants) {
    this.c = constants;
  }

  steady(points, passed, size) {
    if (this.raw) this.step(points, passed, size);
    else {
      this.speed = new Float32Array(points.length);
      this.held = Float32Array.from(points);
    }
    this.raw = points;
    return this.held;
  }
}

/** Of numbers that move as one. */
class One extends OneEuro {
  step(points, passed, size) {
    const { MIN_CUTOFF, BETA, SPEED_CUTOFF, SUDDEN } = this.c, { raw, speed, held } = this;
    const follow = share(SPEED_CUTOFF, passed), unit = 1 / (passed * size);
    let now = 0, lately = 0;
    for (let k = 0; k < points.length; k++) {
      const moved = (points[k] - raw[k]) * unit;
      now += moved * moved;
      speed[k] += follow * (moved - speed[k]);
      lately += speed[k] * speed[k];
    }
    const part = share(MIN_CUTOFF + BETA * Math.max(Math.sqrt(lately), Math.sqrt(now) - SUDDEN), passed);
    for (let k = 0; k < points.length; k++) held[k] += part * (points[k] - held[k]);
  }
}

/** Of points x, y, z, each by itself, faster where `quick` says so. Written out: 65,536 a frame. */
export class Each extends OneEuro {
  constructor(constants, quick) {
    super(constants);
    this.quick = quick;
  }

  step(points, passed, size) {
    const { MIN_CUTOFF, BETA, SPEED_CUTOFF, SUDDEN, QUICK } = this.c, { raw, speed, held, quick } = this;
    const follow = share(SPEED_CUTOFF, passed), unit = 1 / (passed * size), quickly = QUICK * BETA;
    for (let i = 0, n = 0; i < points.length; i += 3, n++) {
      const x = points[i], y = points[i + 1], z = points[i + 2];
      const a = (x - raw[i]) * unit, b = (y - raw[i + 1]) * unit, c = (z - raw[i + 2]) * unit;
      const u = (speed[i] += follow * (a - speed[i]));
      const v = (speed[i + 1] += follow * (b - speed[i + 1]));
      const w = (speed[i + 2] += follow * (c - speed[i + 2]));
      const fast = Math.max(Math.sqrt(u * u + v * v + w * w), Math.sqrt(a * a + b * b + c * c) - SUDDEN);
      const part = share(MIN_CUTOFF + (quick[n] ? quickly : BETA) * fast, passed);
      held[i] += part * (x - held[i]);
      held[i + 1] += part * (y - held[i + 1]);
      held[i + 2] += part * (z - held[i + 2]);
    }
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
      for (const name of ["turn", "place", "scale"]) this[name] = new One(this.c);
      this.shape = new Each(this.c, this.layout.quick);
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
