// Where a face is looked for once more that is not believed: prnet/geometry/doubted.py.
import { boxAround, radians } from "./crop.js";

/** The box turned over, and to its left and right. */
export function elsewhere(box, { ASIDE }) {
  const move = ASIDE * Math.max(box.width, box.height), turn = radians(box.roll);
  const aside = (by) => ({ ...box, x: box.x + by * Math.cos(turn), y: box.y + by * Math.sin(turn) });
  return [{ ...box, roll: ((box.roll + 360) % 360) - 180 }, aside(-move), aside(move)];
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
