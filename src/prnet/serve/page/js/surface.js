// A face's mesh, colours, texture and depth, for files: frames and units as prnet/formats/surface.py.
import { times } from "./camera.js";

const TEXTURE = 512; // pixels

export class Surface {
  /** `open`: without the triangles that close eyes and mouth. */
  constructor(layout, face, { open = false } = {}) {
    Object.assign(this, { layout, face });
    this.points = layout.vertices(face.map); // the image's pixels, y down
    this.triangles = layout.triangles(1, open);
    this.normals = normals(this.points, open ? layout.triangles(1) : this.triangles);
  }

  get count() {
    return this.points.length / 3;
  }

  /** Without the head's pose, place and scale; metres. */
  headPoints() {
    const { rotation: r, translation: t, scale } = this.face.camera;
    const unit = this.layout.millimetres / 1000 / scale;
    return this.turned(this.points.map((value, i) => (value - t[i % 3]) * unit), r);
  }

  headNormals() {
    return this.turned(this.normals, this.face.camera.rotation);
  }

  turned(values, r) {
    const back = [0, 1, 2].map((k) => [r[0][k], -r[1][k], r[2][k]]), out = new Float32Array(values.length);
    for (let i = 0; i < values.length; i += 3) out.set(times(back, values.subarray(i, i + 3)), i);
    return out;
  }

  /** u right, v down, as glTF has them. */
  textureCoordinates() {
    const { layout } = this, out = new Float32Array(this.count * 2);
    layout.pixels.forEach((pixel, i) => {
      out[i * 2] = ((pixel % layout.size) + 0.5) / layout.size;
      out[i * 2 + 1] = (Math.floor(pixel / layout.size) + 0.5) / layout.size;
    });
    return out;
  }

  /** The photo (ImageData) under each vertex, hidden ones included. */
  colours(photo) {
    const out = new Uint8Array(this.points.length);
    for (let i = 0; i < this.points.length; i += 3) out.set(sample(photo, this.points[i], this.points[i + 1]), i);
    return out;
  }

  /** The photo in UV; what looks away from the camera is taken from the mirrored half, or, where
   *  that does, too, has the colour of the cheeks. */
  texture(photo) {
    const { layout, face } = this, { size } = layout, out = new ImageData(TEXTURE, TEXTURE);
    const facing = new Float32Array(size * size).fill(-1);
    layout.pixels.forEach((pixel, i) => (facing[pixel] = this.normals[i * 3 + 2]));
    const step = size / TEXTURE, place = new Float32Array(3);
    const at = (u, v) => between(face.map, facing, size, u, v, place);
    const skin = cheeks(face.landmarks, (x, y) => sample(photo, x, y));
    for (let row = 0, to = 0; row < TEXTURE; row++) {
      for (let column = 0; column < TEXTURE; column++, to += 4) {
        const u = (column + 0.5) * step - 0.5, v = (row + 0.5) * step - 0.5;
        const cosine = at(u, v), seen = smooth(cosine, 0.05, 0.35), own = sample(photo, place[0], place[1]);
        let colour = own;
        if (seen < 1) {
          const there = at(size - 1 - u, v), twin = sample(photo, place[0], place[1]);
          const share = smooth(there, 0.05, 0.35) * (1 - seen);
          const known = smooth(Math.max(cosine, there), 0.05, 0.3);
          colour = own.map((value, k) => skin[k] + known * (value + share * (twin[k] - value) - skin[k]));
        }
        out.data.set(colour, to);
        out.data[to + 3] = 255;
      }
    }
    return out;
  }

  /** z of the nearest surface at each pixel of a picture; NaN where the face is not. */
  depth(width, height) {
    const out = new Float32Array(width * height).fill(NaN), { points, triangles } = this;
    for (let i = 0; i < triangles.length; i += 3) {
      const [a, b, c] = [triangles[i] * 3, triangles[i + 1] * 3, triangles[i + 2] * 3];
      const [ax, ay, bx, by, cx, cy] = [points[a], points[a + 1], points[b], points[b + 1], points[c], points[c + 1]];
      const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
      if (area >= 0) continue; // it looks away
      const x0 = Math.max(Math.ceil(Math.min(ax, bx, cx)), 0), x1 = Math.min(Math.floor(Math.max(ax, bx, cx)), width - 1);
      const y0 = Math.max(Math.ceil(Math.min(ay, by, cy)), 0), y1 = Math.min(Math.floor(Math.max(ay, by, cy)), height - 1);
      for (let y = y0; y <= y1; y++) {
        for (let x = x0; x <= x1; x++) {
          const v = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area;
          const w = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area;
          if (v < 0 || w < 0 || v + w > 1) continue;
          const z = points[a + 2] + v * (points[b + 2] - points[a + 2]) + w * (points[c + 2] - points[a + 2]);
          if (!(out[y * width + x] > z)) out[y * width + x] = z;
        }
      }
    }
    return out;
  }
}

/** The mean colour of some points of the nose's bridge and of the cheeks. */
export function cheeks(landmarks, colourAt) {
  const pairs = [[28, 28], [29, 29], [30, 30], [31, 2], [35, 14], [41, 48], [46, 54]];
  const colours = pairs.map((pair) => {
    return colourAt(...[0, 1].map((k) => (landmarks[pair[0] * 3 + k] + landmarks[pair[1] * 3 + k]) / 2));
  });
  return [0, 1, 2].map((k) => colours.reduce((sum, colour) => sum + colour[k], 0) / colours.length);
}

/** GLSL's smoothstep. */
function smooth(value, low, high) {
  const t = Math.min(Math.max((value - low) / (high - low), 0), 1);
  return t * t * (3 - 2 * t);
}

/** Bilinear in a map: writes the point to `place`, returns the facing. */
function between(map, facing, size, u, v, place) {
  const x = Math.min(Math.max(u, 0), size - 1), y = Math.min(Math.max(v, 0), size - 1);
  const x0 = Math.min(Math.floor(x), size - 2), y0 = Math.min(Math.floor(y), size - 2);
  const right = x - x0, below = y - y0, first = y0 * size + x0;
  const shares = [(1 - below) * (1 - right), (1 - below) * right, below * (1 - right), below * right];
  const pixels = [first, first + 1, first + size, first + size + 1];
  place.fill(0);
  let cosine = 0;
  shares.forEach((share, j) => {
    for (let k = 0; k < 3; k++) place[k] += share * map[pixels[j] * 3 + k];
    cosine += share * facing[pixels[j]];
  });
  return cosine;
}

/** [r, g, b] of ImageData at a point, bilinear; outside, that of the nearest edge. */
function sample({ data, width, height }, u, v) {
  const x = Math.min(Math.max(u, 0), width - 1), y = Math.min(Math.max(v, 0), height - 1);
  const x0 = Math.min(Math.floor(x), Math.max(width - 2, 0)), y0 = Math.min(Math.floor(y), Math.max(height - 2, 0));
  const right = x - x0, below = y - y0, across = width > 1 ? 4 : 0, down = height > 1 ? width * 4 : 0;
  const at = (y0 * width + x0) * 4, out = [0, 0, 0];
  for (let k = 0; k < 3; k++) {
    const upper = data[at + k] + right * (data[at + across + k] - data[at + k]);
    const lower = data[at + down + k] + right * (data[at + down + across + k] - data[at + down + k]);
    out[k] = Math.round(upper + below * (lower - upper));
  }
  return out;
}

/** Unit normals that point outward, image axes: the triangles' around, by area. */
function normals(points, triangles) {
  const out = new Float32Array(points.length);
  for (let i = 0; i < triangles.length; i += 3) {
    const corners = [triangles[i] * 3, triangles[i + 1] * 3, triangles[i + 2] * 3], [a, b, c] = corners;
    const [ux, uy, uz] = [points[b] - points[a], points[b + 1] - points[a + 1], points[b + 2] - points[a + 2]];
    const [vx, vy, vz] = [points[c] - points[a], points[c + 1] - points[a + 1], points[c + 2] - points[a + 2]];
    const [x, y, z] = [vy * uz - vz * uy, vz * ux - vx * uz, vx * uy - vy * ux];
    for (const corner of corners) {
      out[corner] += x;
      out[corner + 1] += y;
      out[corner + 2] += z;
    }
  }
  for (let i = 0; i < out.length; i += 3) {
    const length = Math.max(Math.hypot(out[i], out[i + 1], out[i + 2]), 1e-12);
    for (let k = i; k < i + 3; k++) out[k] /= length;
  }
  return out;
}

