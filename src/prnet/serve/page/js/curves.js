// ARKit's 52 curves of a face: prnet/facemodel/arkit/curves.py. A face is measured by one product
// with a design that is the same for every frame; the mean over a person's frames gives the shape of
// the head, and with it each frame its curves.
import { fitCamera } from "./camera.js";
import { solveBounded } from "./bounded.js";

const SMALL = 1e-6;

export class CurveModel {
  /** `described`: settings.curves; `bytes`: curves.bin. */
  constructor(described, bytes) {
    const { counts, arrays } = described;
    const array = (kind, name) => new kind(bytes, arrays[name].offset, arrays[name].length);
    Object.assign(this, { ...described, unknowns: counts.unknowns, points: counts.points });
    this.pixels = array(Uint16Array, "pixels");
    this.shares = array(Float32Array, "shares");
    this.mean = array(Float32Array, "mean");
    const marks = [array(Int16Array, "marks"), array(Float32Array, "fine_steps")];
    const grid = [array(Int8Array, "grid"), array(Float32Array, "steps")];
    this.design = this.unpacked(marks, grid);
    const half = array(Float32Array, "gram"), size = this.unknowns;
    this.gram = new Float64Array(size * size);
    for (let row = 0, at = 0; row < size; row++) {
      for (let column = row; column < size; column++, at++) {
        this.gram[row * size + column] = this.gram[column * size + row] = half[at];
      }
    }
  }

  /** The design of both its parts, each whole numbers of the steps of its rows. */
  unpacked(...parts) {
    const width = this.points * 3, design = new Float32Array(this.unknowns * width);
    let first = 0;
    for (const [numbers, steps] of parts) {
      const count = numbers.length / this.unknowns;
      numbers.forEach((value, i) => {
        const row = Math.trunc(i / count);
        design[row * width + first + (i % count)] = value * steps[row];
      });
      first += count;
    }
    return design;
  }

  /** All that a frame says, and how much it counts. */
  measure({ map }) {
    const { points, mean, design, unknowns, TURNED } = this;
    const seen = new Float32Array(points * 3);
    for (let i = 0; i < points; i++) {
      for (let j = i * 4; j < i * 4 + 4; j++) {
        for (let k = 0; k < 3; k++) seen[i * 3 + k] += this.shares[j] * map[this.pixels[j] * 3 + k];
      }
    }
    const { scale, rotation: r, translation: t } = fitCamera(mean, seen);
    const off = new Float32Array(points * 3);
    for (let i = 0; i < off.length; i += 3) {
      const x = (seen[i] - t[0]) / scale, y = (t[1] - seen[i + 1]) / scale, z = (seen[i + 2] - t[2]) / scale;
      for (let k = 0; k < 3; k++) off[i + k] = x * r[0][k] + y * r[1][k] + z * r[2][k] - mean[i + k];
    }
    const values = new Float64Array(unknowns);
    for (let row = 0; row < unknowns; row++) {
      let sum = 0;
      for (let i = 0, at = row * off.length; i < off.length; i++, at++) sum += design[at] * off[i];
      values[row] = sum;
    }
    const yaw = (Math.atan2(r[0][2], r[2][2]) * 180) / Math.PI;
    return { values, weight: 0.5 ** ((yaw / TURNED) ** 2) };
  }
}

/** One person's curves as the frames come. */
export class PersonCurves {
  constructor(model) {
    Object.assign(this, { model, count: 0, weight: 0, sum: new Float64Array(model.unknowns), next: 1 });
  }

  /** (names.length), 0..1. */
  of(face) {
    const { values, weight } = this.model.measure(face);
    values.forEach((value, i) => (this.sum[i] += weight * value));
    this.weight += weight;
    this.count++;
    if (this.count >= this.next) {
      this.know();
      this.next = 2 * this.count;
    }
    return this.curves(values);
  }

  know() {
    const { model } = this, { names, precisions, blinks, OPEN_LIDS, MOST_LIDS, BLINKING, USUAL_FRAMES } = model;
    const size = model.unknowns, people = size - names.length - model.motions;
    const matrix = model.gram.slice();
    for (let i = 0; i < size; i++) {
      matrix[i * size + i] += i < people ? 1 : (precisions[i - people] ?? SMALL);
    }
    const right = this.sum.map((value) => value / this.weight);
    const found = solveBounded(matrix, right, people, people + names.length);
    this.identity = found.subarray(0, people);
    const known = this.count / (this.count + USUAL_FRAMES);
    this.lids = blinks.map((i) => OPEN_LIDS + known * (Math.min(found[people + i] - BLINKING, MOST_LIDS) - OPEN_LIDS));
  }

  curves(values) {
    const { model } = this, { names, precisions, blinks, unseen, SHUT_LIDS } = model;
    const people = this.identity.length, all = model.unknowns, size = all - people;
    const matrix = new Float64Array(size * size), right = new Float64Array(size);
    for (let row = 0; row < size; row++) {
      const from = (row + people) * all;
      matrix.set(model.gram.subarray(from + people, from + all), row * size);
      matrix[row * size + row] += precisions[row] ?? SMALL;
      let own = 0;
      for (let i = 0; i < people; i++) own += model.gram[from + i] * this.identity[i];
      right[row] = values[people + row] - own;
    }
    const shown = solveBounded(matrix, right, 0, names.length).slice(0, names.length);
    blinks.forEach((i, side) => {
      const shut = (shown[i] - this.lids[side]) / (SHUT_LIDS - this.lids[side]);
      shown[i] = Math.min(Math.max(shut, 0), 1);
    });
    shown[unseen] = 0;
    return shown;
  }
}
