// Crops in the dark, stretched: prnet/network/contrast.py, whose constants come with the page.

/** Values of a crop (size x size, RGB) -> the same, or stretched where they have little contrast. */
export function stretched(data, size, { LEAST_CONTRAST, PERCENTILES, STRETCHED, LEAST_RANGE, SAMPLED }) {
  const sampled = [];
  for (let y = 0; y < size; y += SAMPLED) {
    for (let x = 0; x < size; x += SAMPLED) {
      const at = (y * size + x) * 3;
      sampled.push((data[at] + data[at + 1] + data[at + 2]) / 3);
    }
  }
  sampled.sort((a, b) => a - b);
  const [low, high] = PERCENTILES.map((share) => {
    const at = (share / 100) * (sampled.length - 1), first = Math.trunc(at);
    const next = sampled[Math.min(first + 1, sampled.length - 1)];
    return sampled[first] + (at - first) * (next - sampled[first]);
  });
  if (high - low >= LEAST_CONTRAST || high - low < LEAST_RANGE) return data;
  const [start, end] = STRETCHED;
  const gain = (end - start) / (high - low);
  return data.map((value) => {
    return Math.min(255, Math.max(0, Math.floor((value - low) * gain + start + 0.5)));
  });
}
