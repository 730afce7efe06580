// The mirror image as a second look: prnet/network/looks.py. Crops and maps are square.

/** Rows of `size` pixels of `width` values each, with their pixels the other way round. */
export function mirrored(values, size, width) {
  const out = new values.constructor(values.length);
  for (let i = 0; i < size * size; i++) {
    const from = (i - (i % size) + size - 1 - (i % size)) * width;
    for (let k = 0; k < width; k++) out[i * width + k] = values[from + k];
  }
  return out;
}

/** What is said of a mirrored crop of `size` pixels, as it would be had that not been mirrored. */
export function unmirrored({ position_maps, deviations, presence }, size) {
  const side = Math.sqrt(position_maps.data.length / 3);
  const map = mirrored(position_maps.data, side, 3);
  for (let i = 0; i < map.length; i += 3) map[i] = size - 1 - map[i];
  const spread = deviations && { data: mirrored(deviations.data, side, 1) };
  return { position_maps: { data: map }, deviations: spread, presence };
}

/** The mirror image's part of the mean at that yaw, 0 to 0.5. */
export function mirroredShare(yaw, { MIRRORED_FROM, MIRRORED_FULLY }) {
  const grown = (Math.abs(yaw) - MIRRORED_FROM) / (MIRRORED_FULLY - MIRRORED_FROM);
  return Math.min(Math.max(grown, 0), 1) / 2;
}

/** The face with the mean of both maps and deviations, `share` of it the other's. */
export function meanFace(face, other, share) {
  const mean = (a, b) => a && a.map((value, i) => value + (b[i] - value) * share);
  return { ...face, map: mean(face.map, other.map), deviation: mean(face.deviation, other.deviation) };
}
