// Where a face is looked for once more that is not believed: prnet/geometry/doubted.py.
import { boxAround, radians } from "./crop.js";

/** The box in quarter turns, a small one turned over, and to its left and right. */
export function elsewhere(box, { ASIDE, QUARTER_TURNS, TURNED_FROM }) {
  const side = Math.max(box.width, box.height), move = ASIDE * side, turn = radians(box.roll);
  const aside = (by) => ({ ...box, x: box.x + by * Math.cos(turn), y: box.y + by * Math.sin(turn) });
  const turns = side >= TURNED_FROM ? QUARTER_TURNS : [180];
  const turned = turns.map((by) => ({ ...box, roll: ((box.roll + by + 540) % 360) - 180 }));
  return [...turned, aside(-move), aside(move)];
}

/** Whether a face is one of the others. */
export function isAmong(face, others, { SAME }) {
  const box = boxAround(face.landmarks);
  return others.some(({ landmarks }) => {
    const other = boxAround(landmarks);
    const side = Math.max(box.width, box.height, other.width, other.height);
    return Math.hypot(box.x - other.x, box.y - other.y) < SAME * side;
  });
}

/** The most believed first: by presence, from `enough` on by the deviations (prnet/face.py). */
export function byBelief(faces, enough) {
  const known = faces.map((face) => {
    const spread = face.deviation ? face.deviation.reduce((sum, each) => sum + each, 0) : 0;
    return [Math.min(face.presence, enough), -spread, face];
  });
  return known.sort((a, b) => b[0] - a[0] || b[1] - a[1]).map(([, , face]) => face);
}
