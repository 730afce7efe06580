// The square crop that a network sees: prnet/geometry/crop.py and boxes.py.
import { paste, plain, resize, transform } from "./resample.js";

export const radians = (degrees) => (degrees * Math.PI) / 180;

/** The box of points [x, y, ...] that are turned upright by `roll` degrees: centre and sides. */
export function boxAround(points, roll = 0, stride = 3) {
  const c = Math.cos(radians(roll)), s = Math.sin(radians(roll));
  let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
  for (let i = 0; i < points.length; i += stride) {
    const x = points[i] * c + points[i + 1] * s, y = points[i + 1] * c - points[i] * s;
    x0 = Math.min(x0, x);
    x1 = Math.max(x1, x);
    y0 = Math.min(y0, y);
    y1 = Math.max(y1, y);
  }
  const x = (x0 + x1) / 2, y = (y0 + y1) / 2;
  return { x: c * x - s * y, y: s * x + c * y, width: x1 - x0, height: y1 - y0, roll, score: 1 };
}

export class Crop {
  /** A square of the picture, turned by `roll` degrees, at `size` pixels. */
  constructor(x, y, side, size, roll = 0) {
    Object.assign(this, { x, y, side, size, roll });
  }

  /** `rule`: as a CropRule of Python's. */
  static fromBox(box, rule, size) {
    const longer = Math.max(box.width, box.height), mean = (box.width + box.height) / 2;
    const length = rule.longer_side ? longer : mean;
    const c = Math.cos(radians(box.roll)), s = Math.sin(radians(box.roll));
    const x = length * rule.shift_x, y = length * rule.shift_y;
    return new Crop(
      box.x + c * x - s * y, box.y + s * x + c * y, rule.scale * length, size, box.roll,
    );
  }

  /** What the network sees of a picture. */
  cut(picture, ground = [0, 0, 0]) {
    if (this.roll === 0) return upright(picture, this, ground);
    const c = Math.cos(radians(this.roll)), s = Math.sin(radians(this.roll));
    if (this.side <= this.size) return this.read(picture, c, s, ground);
    const margin = Math.ceil((this.size * (Math.abs(c) + Math.abs(s) - 1)) / 2) + 1;
    const wide = this.size + 2 * margin;
    const around = new Crop(this.x, this.y, (this.side * wide) / this.size, wide);
    const half = this.size / 2;
    const matrix = [c, -s, wide / 2 - (c - s) * half, s, c, wide / 2 - (s + c) * half];
    return transform(upright(picture, around, ground), this.size, matrix);
  }

  /** A turned square of crop pixels no larger than the picture's. */
  read(picture, cosine, sine, ground) {
    const reach = ((Math.abs(cosine) + Math.abs(sine)) * this.side) / 2 + 1;
    const x0 = Math.floor(this.x - reach), y0 = Math.floor(this.y - reach);
    const x1 = Math.ceil(this.x + reach) + 1, y1 = Math.ceil(this.y + reach) + 1;
    const around = plain(x1 - x0, y1 - y0, ground);
    paste(around, picture, -x0, -y0);
    const c = (cosine * this.side) / this.size, s = (sine * this.side) / this.size;
    const half = this.size / 2, x = this.x + 0.5 - x0, y = this.y + 0.5 - y0;
    const matrix = [c, -s, x - (c - s) * half, s, c, y - (s + c) * half];
    return transform(around, this.size, matrix);
  }

  /** Crop points [x, y, z, ...] -> image points, new. */
  toImage(points) {
    const unit = this.side / this.size, middle = (this.size - 1) / 2;
    const c = Math.cos(radians(this.roll)) * unit, s = Math.sin(radians(this.roll)) * unit;
    const out = new Float32Array(points.length);
    for (let i = 0; i < points.length; i += 3) {
      const x = points[i] - middle, y = points[i + 1] - middle;
      out[i] = c * x - s * y + this.x;
      out[i + 1] = s * x + c * y + this.y;
      out[i + 2] = points[i + 2] * unit;
    }
    return out;
  }
}

function upright(picture, square, ground) {
  const pixel = square.side / square.size, size = square.size;
  const reach = Math.max(pixel, 1);
  const left = square.x - square.side / 2 + 0.5, top = square.y - square.side / 2 + 0.5;
  const [first, last] = seeing(left, pixel, reach, size, picture.width);
  const [upper, lower] = seeing(top, pixel, reach, size, picture.height);
  const out = plain(size, size, ground);
  if (first === last || upper === lower) return out;
  const box = [left + first * pixel, top + upper * pixel, left + last * pixel, top + lower * pixel];
  const x0 = Math.floor(box[0] - reach), y0 = Math.floor(box[1] - reach);
  const x1 = Math.ceil(box[2] + reach), y1 = Math.ceil(box[3] + reach);
  const canvas = plain(x1 - x0, y1 - y0, ground);
  paste(canvas, picture, -x0, -y0);
  const inside = [box[0] - x0, box[1] - y0, box[2] - x0, box[3] - y0];
  paste(out, resize(canvas, last - first, lower - upper, inside), first, upper);
  return out;
}

function seeing(start, pixel, reach, size, length) {
  const first = Math.floor((-reach - start) / pixel - 0.5);
  const last = Math.ceil((length + reach - start) / pixel - 0.5) + 1;
  return [Math.min(Math.max(first, 0), size), Math.min(Math.max(last, 0), size)];
}

/** The degrees by which a crop by a box, or from frame to frame, of a face of this roll is turned. */
export function uprightRoll(roll, { UPRIGHT }) {
  return Math.abs(roll) > UPRIGHT ? roll : 0;
}

/** Whether the crop that the landmarks ask for is far from what was seen (reconstruct.py). */
export function cropIsOff(seen, wanted, { OFF_SHIFT, OFF_SIZE, OFF_ROLL }, share = 1) {
  const turn = ((((wanted.roll - seen.roll + 180) % 360) + 360) % 360) - 180;
  return (
    Math.hypot(wanted.x - seen.x, wanted.y - seen.y) > share * OFF_SHIFT * seen.side ||
    Math.abs(Math.log(wanted.side / seen.side)) > share * OFF_SIZE ||
    Math.abs(turn) > share * OFF_ROLL
  );
}
