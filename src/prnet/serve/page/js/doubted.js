// Where a face is looked for once more that is not believed, and which faces are one person's:
// prnet/geometry/doubted.py and prnet/belief.py.
import { boxAround, radians } from "./crop.js";

/** The box in quarter turns, a small one turned over, and to its left and right. */
export function elsewhere(box, { ASIDE, QUARTER_TURNS, TURNED_FROM }) {
  const side = Math.max(box.width, box.height), move = ASIDE * side, turn = radians(box.roll);
  const aside = (by) => ({ ...box, x: box.x + by * Math.cos(turn), y: box.y + by * Math.sin(turn) });
  const turns = side >= TURNED_FROM ? QUARTER_TURNS : [180];
  const turned = turns.map((by) => ({ ...box, roll: ((box.roll + by + 540) % 360) - 180 }));
  return [...turned, aside(-move), aside(move)];
}

/** Whether a face is one of the others: so near them, or one of them taken upside down. */
export function isAgain(face, others, doubted, near = doubted.SAME) {
  const box = boxAround(face.landmarks);
  return others.some((other) => {
    const there = boxAround(other.landmarks), larger = Math.max(sizeOf(face), sizeOf(other));
    const away = Math.hypot(box.x - there.x, box.y - there.y) / larger;
    return away < near || (away < doubted.OPPOSITE && isUpsideDown(face, other, doubted));
  });
}

function isUpsideDown(face, other, { OVER, ALIKE, LESS_SURE }) {
  const turn = Math.abs(((face.roll - other.roll + 540) % 360) - 180);
  const [small, large] = [sizeOf(face), sizeOf(other)].sort((a, b) => a - b);
  return turn > OVER && small > ALIKE * large && spread(face) > LESS_SURE * spread(other);
}

/** The longer side of its landmarks' box. */
function sizeOf({ landmarks }) {
  const { width, height } = boxAround(landmarks);
  return Math.max(width, height);
}

/** The deviations, summed, over the face's size. */
function spread(face) {
  return face.deviation ? face.deviation.reduce((sum, each) => sum + each, 0) / sizeOf(face) : 0;
}

/** Those that are sure, each person's once, the first in order, and the rest. */
export function toldApart(faces, isSure, doubted) {
  const sure = [], rest = [];
  for (const face of faces) {
    (isSure(face) && !isAgain(face, sure, doubted, doubted.TWICE) ? sure : rest).push(face);
  }
  return [sure, rest];
}

/** The most believed first: by presence, from `enough` on by the deviations. */
export function byBelief(faces, enough) {
  const known = faces.map((face) => [Math.min(face.presence, enough), -spread(face), face]);
  return known.sort((a, b) => b[0] - a[0] || b[1] - a[1]).map(([, , face]) => face);
}
