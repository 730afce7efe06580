// What the pixels of a position map mean: prnet/layout/uv_layout.py. Maps are flat, x, y, z a pixel.

export class Layout {
  /** `described`: settings.layout; `bytes`: layout.bin, which it describes. */
  constructor(described, bytes) {
    const { size, z_rule, canonical_step, eye_corners_apart, arrays, name, neck, some, quick } = described;
    Object.assign(this, { size, name, zRule: z_rule });
    const array = (kind, key) => new kind(bytes, arrays[key].offset, arrays[key].length);
    this.landmarkPixels = array(Float32Array, "landmarks"); // column, row
    this.canonical = summed(array(Int16Array, "canonical"), size, canonical_step);
    this.region = array(Uint8Array, "region");
    this.parts = array(Uint8Array, "parts");
    this.openings = array(Uint8Array, "openings");
    this.pixels = Uint32Array.from(this.region.keys()).filter((pixel) => this.region[pixel]);
    this.vertexAt = new Int32Array(size * size).fill(-1);
    this.pixels.forEach((pixel, vertex) => (this.vertexAt[pixel] = vertex));
    this.corners = corners(this.landmarkPixels, size);
    const rigid = this.pixels.filter((pixel) => this.parts[pixel] !== neck);
    this.rigid = { all: rigid, some: rigid.filter((_, i) => i % some === 0) };
    this.quick = Uint8Array.from(this.parts, (part) => quick.includes(part)); // eyes and mouth
    const marks = this.landmarks(this.canonical);
    const apart = Math.hypot(...[0, 1, 2].map((k) => marks[36 * 3 + k] - marks[45 * 3 + k]));
    this.millimetres = eye_corners_apart / apart;
    this.headMarks = upward(marks);
    this.heads = {
      all: upward(gather(this.canonical, this.rigid.all)),
      some: upward(gather(this.canonical, this.rigid.some)),
    };
  }

  /** (68 x 3) of a map, bilinear. */
  landmarks(map) {
    const out = new Float32Array(68 * 3);
    for (let i = 0; i < 68; i++) {
      for (let j = 0; j < 4; j++) {
        const pixel = this.corners.pixels[i * 4 + j] * 3, share = this.corners.shares[i * 4 + j];
        for (let k = 0; k < 3; k++) out[i * 3 + k] += share * map[pixel + k];
      }
    }
    return out;
  }

  /** The values of a map of `channels` a pixel at the vertices. */
  vertices(map, channels = 3) {
    return gather(map, this.pixels, channels);
  }

  /** Shifts the map's z, in place, to where the layout has its 0. */
  setOrigin(map) {
    let origin;
    if (this.zRule === "minimum") {
      origin = this.pixels.reduce((least, pixel) => Math.min(least, map[pixel * 3 + 2]), Infinity);
    } else {
      origin = this.landmarks(map).reduce((sum, v, i) => sum + (i % 3 === 2 ? v : 0), 0) / 68;
    }
    for (let i = 2; i < map.length; i += 3) map[i] -= origin;
    return map;
  }

  /** Triangles of every `step`-th pixel; `open` leaves eyes and mouth out. */
  triangles(step = 1, open = false) {
    const out = [], across = Math.floor((this.size - 1) / step);
    const at = (row, column) => {
      const pixel = row * step * this.size + column * step;
      return this.vertexAt[pixel];
    };
    for (let row = 0; row < across; row++) {
      for (let column = 0; column < across; column++) {
        const corner = {
          a: at(row, column), b: at(row, column + 1), c: at(row + 1, column), d: at(row + 1, column + 1),
        };
        const rising = column * 2 < across - 1;
        const whole = Object.values(corner).every((vertex) => vertex >= 0);
        const { a, b, c, d } = corner;
        const four = [[c, d, b], [c, d, a], [d, b, a], [c, b, a]]; // each leaves a corner out
        const used = whole ? [rising, !rising, !rising, rising] : [true, true, true, true];
        four.forEach((triangle, i) => {
          if (used[i] && triangle.every((vertex) => vertex >= 0)) out.push(...triangle);
        });
      }
    }
    return Uint32Array.from(open ? this.opened(out) : out);
  }

  opened(triangles) {
    const closed = (vertex) => this.openings[this.pixels[vertex]];
    const out = [];
    for (let i = 0; i < triangles.length; i += 3) {
      const triangle = triangles.slice(i, i + 3);
      if (!triangle.some(closed)) out.push(...triangle);
    }
    return out;
  }
}

/** The map whose planes are kept as differences of differences along rows and columns. */
function summed(differences, size, step) {
  const map = new Float32Array(size * size * 3);
  for (let k = 0; k < 3; k++) {
    const plane = differences.slice(k * size * size, (k + 1) * size * size);
    for (let i = size; i < plane.length; i++) plane[i] += plane[i - size];
    for (let i = 0; i < plane.length; i++) if (i % size) plane[i] += plane[i - 1];
    plane.forEach((value, i) => (map[i * 3 + k] = value * step));
  }
  return map;
}

export function gather(map, pixels, channels = 3) {
  const out = new Float32Array(pixels.length * channels);
  for (let i = 0, to = 0; i < pixels.length; i++) {
    for (let k = 0; k < channels; k++) out[to++] = map[pixels[i] * channels + k];
  }
  return out;
}

/** (x, -y, z). */
export function upward(points) {
  return points.map((value, i) => (i % 3 === 1 ? -value : value));
}

function corners(points, size) {
  const pixels = new Uint32Array(68 * 4), shares = new Float64Array(68 * 4);
  for (let i = 0; i < 68; i++) {
    const x = points[i * 2], y = points[i * 2 + 1];
    const x0 = Math.min(Math.floor(x), size - 2), y0 = Math.min(Math.floor(y), size - 2);
    const right = x - x0, below = y - y0;
    pixels.set([0, 1, size, size + 1].map((step) => y0 * size + x0 + step), i * 4);
    shares.set(
      [(1 - below) * (1 - right), (1 - below) * right, below * (1 - right), below * right], i * 4,
    );
  }
  return { pixels, shares };
}
