// The colour of a picture's light: prnet/light.py, whose constants come with the page.

/** A picture, or, in light of one colour, the grey one of its brightest channels. */
export function inWhiteLight(picture, { COLOURED }) {
  const [low, , high] = meanColour(picture).sort((a, b) => a - b);
  if (high + 1 < COLOURED * (low + 1)) return picture;
  const data = new Uint8Array(picture.data.length);
  for (let i = 0; i < data.length; i += 3) {
    data.fill(Math.max(picture.data[i], picture.data[i + 1], picture.data[i + 2]), i, i + 3);
  }
  return { ...picture, data };
}

/** Of some 32 x 32 of its pixels. */
export function meanColour({ data, width, height }) {
  const down = Math.max(1, Math.trunc(height / 32)), across = Math.max(1, Math.trunc(width / 32));
  const sum = [0, 0, 0];
  let count = 0;
  for (let y = 0; y < height; y += down) {
    for (let x = 0; x < width; x += across, count++) {
      for (let k = 0; k < 3; k++) sum[k] += data[(y * width + x) * 3 + k];
    }
  }
  return sum.map((value) => Math.trunc(value / count));
}
