// Pictures resized exactly as Pillow does, so that the networks see the same bytes here and in Python.
// A picture is {data, width, height}: RGB, 8 bits, rows from the top.

const BITS = 22; // of Pillow's fixed-point weights

/** Weights of the triangle filter for each of `count` pixels across [start, end] of `size` pixels.
 *  Pillow has the edges as float32. */
function weights(size, start, end, count) {
  [start, end] = [Math.fround(start), Math.fround(end)];
  const scale = Math.fround(end - start) / count;
  const reach = Math.max(scale, 1);
  return Array.from({ length: count }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const last = Math.min(Math.trunc(centre + reach + 0.5), size);
    const parts = [];
    for (let x = first; x < last; x++) {
      parts.push(Math.max(0, 1 - Math.abs((x - centre + 0.5) / reach)));
    }
    const sum = parts.reduce((a, b) => a + b, 0) || 1;
    return { first, parts: Int32Array.from(parts, (w) => Math.trunc(0.5 + (w / sum) * 2 ** BITS)) };
  });
}

/** Image.resize(BILINEAR, box): `box` is [left, top, right, bottom], edges, of the picture. */
export function resize(picture, width, height, box = [0, 0, picture.width, picture.height]) {
  const whole = box[0] === 0 && box[1] === 0 && box[2] === picture.width && box[3] === picture.height;
  if (whole && width === picture.width && height === picture.height) return picture;
  const down = weights(picture.height, box[1], box[3], height);
  const top = down[0].first;
  const bottom = Math.max(...down.map(({ first, parts }) => first + parts.length));
  const wide = across(picture, weights(picture.width, box[0], box[2], width), top, bottom);
  return upDown(wide, down, top);
}

function across(picture, columns, top, bottom) {
  const { data } = picture;
  const width = columns.length;
  const out = new Uint8Array(width * (bottom - top) * 3);
  for (let y = top, to = 0; y < bottom; y++) {
    const row = y * picture.width * 3;
    for (let x = 0; x < width; x++, to += 3) {
      const { first, parts } = columns[x];
      let r = 1 << (BITS - 1), g = r, b = r;
      for (let i = 0, from = row + first * 3; i < parts.length; i++, from += 3) {
        const w = parts[i];
        r += data[from] * w;
        g += data[from + 1] * w;
        b += data[from + 2] * w;
      }
      out[to] = r >> BITS;
      out[to + 1] = g >> BITS;
      out[to + 2] = b >> BITS;
    }
  }
  return { data: out, width, height: bottom - top };
}

function upDown(picture, rows, top) {
  const stride = picture.width * 3;
  const out = new Uint8Array(stride * rows.length);
  const sum = new Int32Array(stride);
  rows.forEach(({ first, parts }, y) => {
    sum.fill(1 << (BITS - 1));
    parts.forEach((w, i) => {
      const from = (first - top + i) * stride;
      for (let x = 0; x < stride; x++) sum[x] += picture.data[from + x] * w;
    });
    for (let x = 0, to = y * stride; x < stride; x++) out[to + x] = sum[x] >> BITS;
  });
  return { data: out, width: picture.width, height: rows.length };
}

/** Image.reduce: means of blocks of `across` x `down` pixels; the last ones may be smaller. */
export function reduce(picture, across, down) {
  const width = Math.ceil(picture.width / across), height = Math.ceil(picture.height / down);
  const out = new Uint8Array(width * height * 3);
  const sum = new Uint32Array(width * 3);
  for (let y = 0; y < height; y++) {
    const last = Math.min((y + 1) * down, picture.height);
    sum.fill(0);
    for (let row = y * down; row < last; row++) {
      for (let x = 0, from = row * picture.width * 3; x < picture.width; x++, from += 3) {
        const to = Math.trunc(x / across) * 3;
        sum[to] += picture.data[from];
        sum[to + 1] += picture.data[from + 1];
        sum[to + 2] += picture.data[from + 2];
      }
    }
    for (let x = 0; x < width; x++) {
      const columns = Math.min(across, picture.width - x * across);
      const count = columns * (last - y * down), half = count >> 1;
      const share = Math.trunc(2 ** 24 / count); // Pillow divides in fixed point
      const to = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) out[to + c] = Math.imul(sum[x * 3 + c] + half, share) >>> 24;
    }
  }
  return { data: out, width, height };
}

/** Image.transform(AFFINE, BILINEAR): `matrix` [a, b, c, d, e, f] takes pixels of the square of
 *  `size` to those of the picture, edges; black outside. */
export function transform(picture, size, matrix) {
  const [a, b, c, d, e, f] = matrix;
  const { data, width, height } = picture;
  const out = new Uint8Array(size * size * 3);
  for (let y = 0, to = 0; y < size; y++) {
    for (let x = 0; x < size; x++, to += 3) {
      const u = a * (x + 0.5) + b * (y + 0.5) + c, v = d * (x + 0.5) + e * (y + 0.5) + f;
      if (u < 0 || u >= width || v < 0 || v >= height) continue;
      const left = Math.floor(u - 0.5), top = Math.floor(v - 0.5);
      const right = u - 0.5 - left, below = v - 0.5 - top;
      const x0 = Math.max(left, 0) * 3, x1 = Math.min(left + 1, width - 1) * 3;
      const y0 = Math.max(top, 0) * width * 3, y1 = Math.min(top + 1, height - 1) * width * 3;
      for (let k = 0; k < 3; k++) {
        const upper = data[y0 + x0 + k] + right * (data[y0 + x1 + k] - data[y0 + x0 + k]);
        const lower = data[y1 + x0 + k] + right * (data[y1 + x1 + k] - data[y1 + x0 + k]);
        out[to + k] = upper + below * (lower - upper);
      }
    }
  }
  return { data: out, width: size, height: size };
}

/** A picture of one colour. */
export function plain(width, height, colour) {
  const data = new Uint8Array(width * height * 3);
  if (colour.some((value) => value !== 0)) {
    for (let i = 0; i < data.length; i += 3) data.set(colour, i);
  }
  return { data, width, height };
}

/** `part` laid over `picture` with its corner at x, y; what reaches outside is left out. */
export function paste(picture, part, x, y) {
  const first = Math.max(0, -x), last = Math.min(part.width, picture.width - x);
  if (last <= first) return;
  for (let row = Math.max(0, -y); row < Math.min(part.height, picture.height - y); row++) {
    const from = (row * part.width + first) * 3;
    const line = part.data.subarray(from, from + (last - first) * 3);
    picture.data.set(line, ((y + row) * picture.width + x + first) * 3);
  }
}

/** RGBA, laid over white, -> a picture. */
export function fromRgba({ data, width, height }) {
  const out = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < out.length; from += 4, to += 3) {
    const alpha = data[from + 3];
    if (alpha === 255) {
      out[to] = data[from];
      out[to + 1] = data[from + 1];
      out[to + 2] = data[from + 2];
    } else {
      for (let k = 0; k < 3; k++) out[to + k] = 255 + ((data[from + k] - 255) * alpha) / 255 + 0.5;
    }
  }
  return { data: out, width, height };
}
