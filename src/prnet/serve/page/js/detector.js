// The detector of two networks: prnet/detection/anchorfree.py and candidates.py, whose constants
// come with the page (settings.detector, settings.candidates). A row is 17 numbers: score; centre;
// width, height; cosine and sine of the roll; five points.
import { Crop } from "./crop.js";
import { inWhiteLight, meanColour } from "./light.js";
import { paste, plain, reduce, resize } from "./resample.js";

const degrees = (sine, cosine) => (Math.atan2(sine, cosine) * 180) / Math.PI;

/** Python's round: halves to the even. */
function round(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

export class Detector {
  /** `first` and `second`: sessions of onnxruntime-web; `Tensor` is its class. */
  constructor(first, second, Tensor, { detector, candidates, light }) {
    Object.assign(this, { first, second, Tensor, c: detector, rows: candidates, light });
  }

  /** Picture -> boxes {x, y, width, height, roll, score, points}, the largest first. */
  async detect(picture) {
    picture = inWhiteLight(picture, this.light);
    const { ENLARGED, WIDE_FRAME, MIN_SCORE, DOUBT } = this.c;
    const factors = this.reductions(picture);
    const seen = [];
    let found = [];
    for (const reduction of factors) {
      const [faces, candidates] = await this.look(picture, this.reduced(picture, reduction));
      seen.push(faces);
      found = distinct(seen.flat(), this.rows);
      if (found.length && !this.hasSmall(found, candidates, reduction)) break;
    }
    found = this.agreed(found, seen, factors);
    if (!found.length && 4 * picture.width * picture.height <= ENLARGED) {
      const [faces] = await this.look(picture, this.resized(picture, 2));
      found = distinct(faces, this.rows);
      found = found.filter((row) => row[0] >= MIN_SCORE ** DOUBT);
    }
    if (!found.length) {
      const small = this.reduced(picture, 2 * factors[0]);
      const [faces] = await this.look(picture, small, WIDE_FRAME);
      found = distinct(faces, this.rows);
    }
    return found.map(toBox).sort((a, b) => b.width * b.height - a.width * a.height);
  }

  /** Whether there is a small face at that reduction, or what may be one. */
  hasSmall(faces, candidates, reduction) {
    const { SMALL_FACE, BELIEVED } = this.c, { MAX_OVERLAP } = this.rows;
    const among = (row) => faces.some((other) => common(row, other).overlap > MAX_OVERLAP);
    const doubted = candidates.filter((row) => row[0] >= BELIEVED && !among(row));
    const isSmall = (row) => Math.max(row[3], row[4]) < SMALL_FACE * reduction;
    return [...faces, ...doubted].some(isSmall);
  }

  /** Those of the rows that enough of the looks see, `seen` at the picture reduced by `factors`. */
  agreed(rows, seen, factors) {
    const { SEEN_FROM, UNSEEN, MIN_SCORE } = this.c, { MAX_OVERLAP } = this.rows;
    for (const row of rows) {
      seen.forEach((found, i) => {
        if (Math.max(row[3], row[4]) < SEEN_FROM * factors[i]) return;
        if (!found.some((other) => common(row, other).overlap > MAX_OVERLAP)) row[0] *= UNSEEN;
      });
    }
    return rows.filter((row) => row[0] >= MIN_SCORE);
  }

  reductions({ width, height }) {
    const { PIXELS, LOOKS, LARGEST } = this.c;
    const found = [Math.max(1, Math.trunc(Math.sqrt((width * height) / PIXELS)))];
    while (found.at(-1) > 1 && found.length < LOOKS) {
      const finer = (found.at(-1) + 1) >> 1;
      if (width * height > LARGEST * finer ** 2) break;
      found.push(finer);
    }
    return found;
  }

  /** Means of `reduction` x `reduction` pixels. */
  reduced(picture, reduction) {
    if (Math.min(picture.width, picture.height) < this.c.SMALLEST * reduction) {
      return this.resized(picture, 1 / reduction);
    }
    return reduction > 1 ? reduce(picture, reduction, reduction) : picture;
  }

  resized(picture, scale) {
    const sides = [picture.width, picture.height].map((side) => round(side * scale));
    return resize(picture, ...sides.map((side) => Math.max(this.c.SMALLEST, side)));
  }

  /** Both steps on the picture resized to `small`: faces, and the candidates that the second does not reject. */
  async look(picture, small, frame = 0) {
    const candidates = distinct(await this.propose(picture, small, frame), this.rows);
    const { ASKED_AT_ONCE, FIRST_SAYS, MIN_SCORE, REJECTED } = this.c;
    const hopeful = candidates.filter((row) => row[0] ** FIRST_SAYS >= MIN_SCORE); // no second can lift the others
    const faces = [], said = [];
    for (let i = 0; i < hopeful.length; i += ASKED_AT_ONCE) {
      const judged = await this.refine(picture, small, hopeful.slice(i, i + ASKED_AT_ONCE));
      faces.push(...judged.faces);
      said.push(...judged.said);
    }
    return [faces, hopeful.filter((_, i) => said[i] >= REJECTED)];
  }

  async propose(picture, small, frame) {
    const margin = [round(frame * small.width), round(frame * small.height)];
    const framed = this.framed(small, margin);
    const shape = [framed.height, framed.width, 3];
    const image = new this.Tensor("uint8", framed.data, shape);
    const { candidates } = await this.first.run({ image });
    const rows = decodeGrids(candidates.data, framed, this.c.CANDIDATE_SCORE, this.rows);
    return rows.map((row) => rescaled(row, ratio(picture, small), margin));
  }

  async refine(picture, small, candidates) {
    const { CLOSER_LOOKS, FIRST_SAYS, HOPEFUL, MIN_SCORE, STILL_TURNED, REFINE_SIZE } = this.c;
    const { SURE_SCORE, SURE_SHIFT } = this.c;
    const ground = meanColour(small);
    let asked = candidates.map((row) => row[0]);
    let rows = candidates.map((row) => [...row.slice(0, 5), 1, 0, ...row.slice(7)]);
    let seen = [], said = [];
    const settled = [];
    for (let look = 0; look < CLOSER_LOOKS && rows.length; look++) {
      const crops = new Uint8Array(rows.length * REFINE_SIZE ** 2 * 3);
      rows.forEach((row, i) => {
        crops.set(this.crop(picture, small, row, ground).data, i * REFINE_SIZE ** 2 * 3);
      });
      const shape = [rows.length, REFINE_SIZE, REFINE_SIZE, 3];
      const { candidates: outputs } = await this.second.run({
        crops: new this.Tensor("uint8", crops, shape),
      });
      const width = this.rows.WIDTH;
      const local = rows.map((_, i) => {
        return decode(outputs.data.subarray(i * width, (i + 1) * width), [0, 0], 1, 1);
      });
      rows = local.map((row, i) => placed(row, rows[i]));
      seen = local.map((row, i) => (look ? (seen[i] + row[0]) / 2 : row[0]));
      rows.forEach((row, i) => (row[0] = seen[i] * asked[i] ** FIRST_SAYS));
      if (!look) said = rows.map((row) => row[0]);
      const hopeful = rows.map((row) => row[0] >= HOPEFUL * MIN_SCORE);
      const again = local.map((row, i) => {
        const unsure = row[0] < SURE_SCORE || Math.max(...row.slice(1, 3).map(Math.abs)) > SURE_SHIFT;
        return hopeful[i] && (row[5] <= STILL_TURNED || (!look && unsure));
      });
      settled.push(...rows.filter((_, i) => hopeful[i] && !again[i]));
      [rows, asked, seen] = [rows, asked, seen].map((values) => values.filter((_, i) => again[i]));
    }
    return { faces: [...settled, ...rows].filter((row) => row[0] >= MIN_SCORE), said };
  }

  crop(picture, small, row, ground) {
    const { NEARLY, REFINE_MARGIN, REFINE_SIZE } = this.c;
    let [x, y, side] = [row[1], row[2], REFINE_MARGIN * Math.max(row[3], row[4])];
    const [across, down] = ratio(picture, small);
    if (side >= REFINE_SIZE * (Math.max(across, down) - NEARLY)) {
      [x, y] = [(x + 0.5) / across - 0.5, (y + 0.5) / down - 0.5];
      side = (side * 2) / (across + down);
      picture = small;
    }
    return new Crop(x, y, side, REFINE_SIZE, degrees(row[6], row[5])).cut(picture, ground);
  }

  /** The picture on ground of its mean colour, its sides multiples of what the network wants. */
  framed(picture, margin) {
    const { MULTIPLE } = this.c;
    const whole = (length, extra) => Math.ceil((length + 2 * extra) / MULTIPLE) * MULTIPLE;
    const width = whole(picture.width, margin[0]), height = whole(picture.height, margin[1]);
    if (width === picture.width && height === picture.height) return picture;
    const canvas = plain(width, height, meanColour(picture));
    paste(canvas, picture, ...margin);
    return canvas;
  }
}

function ratio(picture, small) {
  return [picture.width / small.width, picture.height / small.height];
}

/** The first network's outputs (WIDTH, cells) -> rows in pixels of its input. */
function decodeGrids(values, { width, height }, least, { STRIDES, UNIT, WIDTH, MAX_CANDIDATES }) {
  const cells = values.length / WIDTH, limit = Math.log(least / (1 - least));
  const chosen = [];
  let first = 0;
  for (const stride of STRIDES) {
    const across = Math.trunc(width / stride), count = across * Math.trunc(height / stride);
    for (let cell = 0; cell < count; cell++) {
      if (values[first + cell] >= limit) chosen.push({ at: first + cell, cell, across, stride });
    }
    first += count;
  }
  if (chosen.length > MAX_CANDIDATES) {
    chosen.sort((a, b) => values[b.at] - values[a.at]).length = MAX_CANDIDATES;
  }
  return chosen.map(({ at, cell, across, stride }) => {
    const row = Float64Array.from({ length: WIDTH }, (_, k) => values[k * cells + at]);
    const half = (stride - 1) / 2;
    const centre = [(cell % across) * stride + half, Math.trunc(cell / across) * stride + half];
    return decode(row, centre, stride * UNIT, UNIT);
  });
}

/** Network values -> a row. Lengths are in units of `unit` pixels, the centre in 1/`finer` of it. */
function decode(values, at, unit, finer) {
  const row = Array.from(values);
  row[0] = 1 / (1 + Math.exp(-values[0]));
  for (const k of [0, 1]) {
    row[1 + k] = at[k] + (values[1 + k] / finer) * unit;
    row[3 + k] = Math.exp(Math.min(Math.max(values[3 + k], -8), 8)) * unit;
    row[5 + k] = values[5 + k] / Math.max(Math.hypot(values[5], values[6]), 1e-6);
  }
  for (let k = 7; k < row.length; k++) row[k] = at[(k - 7) % 2] + values[k] * unit;
  return row;
}

/** A row in the frame of another (its centre, longer side and roll) -> a row of that one's picture. */
function placed(local, frame) {
  const side = Math.max(frame[3], frame[4]);
  const [, x, y, , , c, s] = frame;
  const turn = (u, v, unit) => [unit * (c * u - s * v), unit * (s * u + c * v)];
  const moved = (u, v) => turn(u, v, side).map((value, k) => value + (k ? y : x));
  const row = [local[0], ...moved(local[1], local[2]), local[3] * side, local[4] * side];
  row.push(...turn(local[5], local[6], 1));
  for (let k = 7; k < local.length; k += 2) row.push(...moved(local[k], local[k + 1]));
  return row;
}

function rescaled(row, [across, down], margin) {
  const factor = [across, down], mean = (across + down) / 2;
  return row.map((value, k) => {
    if (k === 3 || k === 4) return value * mean;
    if (k === 0 || k === 5 || k === 6) return value;
    const axis = k < 3 ? k - 1 : (k - 7) % 2;
    return (value - margin[axis] + 0.5) * factor[axis] - 0.5;
  });
}

/** The best rows, one a face, each the score-weighted mean of itself and those close to it. */
export function distinct(rows, { MAX_OVERLAP, MAX_COVER, CLOSE }) {
  rows = [...rows].sort((a, b) => b[0] - a[0]);
  const free = rows.map(() => true), kept = [];
  rows.forEach((row, i) => {
    if (!free[i]) return;
    const close = [row];
    free[i] = false;
    for (let j = 0; j < rows.length; j++) {
      if (!free[j]) continue;
      const { overlap, cover } = common(row, rows[j]);
      if (overlap > MAX_OVERLAP || cover > MAX_COVER) {
        free[j] = false;
        if (overlap > CLOSE) close.push(rows[j]);
      }
    }
    const sum = close.reduce((total, each) => total + each[0], 0);
    const mean = (_, k) => close.reduce((total, each) => total + each[0] * each[k], 0) / sum;
    kept.push([row[0], ...row.map(mean).slice(1)]);
  });
  return kept;
}

/** What the squares of two rows share: of their union, of the smaller one. */
function common(one, other) {
  const [half, half2] = [one, other].map((row) => Math.max(row[3], row[4]) / 2);
  const [across, down] = [1, 2].map((k) => {
    const high = Math.min(one[k] + half, other[k] + half2);
    return Math.max(0, high - Math.max(one[k] - half, other[k] - half2));
  });
  const shared = across * down, areas = [4 * half ** 2, 4 * half2 ** 2];
  return { overlap: shared / (areas[0] + areas[1] - shared), cover: shared / Math.min(...areas) };
}

function toBox(row) {
  const [score, x, y, width, height, cosine, sine] = row;
  return { x, y, width, height, roll: degrees(sine, cosine), score, points: row.slice(7) };
}
