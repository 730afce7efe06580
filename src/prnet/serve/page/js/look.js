// How a face looks, whatever its place, size and turn: prnet/video/look.py.

/** Colours at every STEP-th point of the map, less their mean, of length 1. */
export function lookOf(face, picture, layout, { STEP, FINE }) {
  const xs = [], ys = [], half = STEP >> 1;
  for (let row = half; row < layout.size; row += STEP) {
    for (let column = half; column < layout.size; column += STEP) {
      const pixel = row * layout.size + column;
      if (!layout.region[pixel]) continue;
      xs.push(face.map[pixel * 3]);
      ys.push(face.map[pixel * 3 + 1]);
    }
  }
  const colours = coloursAt(picture, xs, ys, FINE), mean = [0, 0, 0];
  colours.forEach((value, i) => (mean[i % 3] += value / xs.length));
  return unit(colours.map((value, i) => value - mean[i % 3]));
}

/** Of a large rectangle only every few pixels are looked at. */
function coloursAt({ data, width, height }, xs, ys, fine) {
  const clip = (value, most) => Math.min(Math.max(Math.trunc(value), 0), most);
  const x0 = clip(Math.min(...xs), width - 1), y0 = clip(Math.min(...ys), height - 1);
  const x1 = Math.max(Math.trunc(Math.max(...xs)) + 2, x0 + 1);
  const y1 = Math.max(Math.trunc(Math.max(...ys)) + 2, y0 + 1);
  const step = Math.max(1, Math.trunc((x1 - x0) / fine));
  const across = Math.ceil((Math.min(x1, width) - x0) / step);
  const down = Math.ceil((Math.min(y1, height) - y0) / step);
  const colours = new Float32Array(xs.length * 3);
  const between = (value, most) => {
    const at = Math.min(Math.max(value, 0), most), low = Math.min(Math.trunc(at), Math.max(most - 1, 0));
    return [low, Math.min(low + 1, most), at - low];
  };
  for (let i = 0; i < xs.length; i++) {
    const [left, right, u] = between((xs[i] - x0) / step, across - 1);
    const [top, bottom, v] = between((ys[i] - y0) / step, down - 1);
    const at = (column, row, k) => data[((y0 + row * step) * width + x0 + column * step) * 3 + k];
    for (let k = 0; k < 3; k++) {
      const upper = at(left, top, k) + u * (at(right, top, k) - at(left, top, k));
      const lower = at(left, bottom, k) + u * (at(right, bottom, k) - at(left, bottom, k));
      colours[i * 3 + k] = upper + v * (lower - upper);
    }
  }
  return colours;
}

/** -1..1: the correlation of two looks. */
export function alike(one, other) {
  return one.reduce((sum, value, i) => sum + value * other[i], 0);
}

/** `old` with a `share` of `fresh`. */
export function mixed(old, fresh, share) {
  return unit(old.map((value, i) => (1 - share) * value + share * fresh[i]));
}

function unit(values) {
  const length = Math.max(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)), 1e-6);
  return values.map((value) => value / length);
}
