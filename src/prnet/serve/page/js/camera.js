// The weak-perspective camera and the head's pose: prnet/geometry/camera.py, whose frames and signs
// these are. Matrices are rows [[a, b, c], ...]; points are flat, x, y, z, ...

/** The camera that takes head points (y up) to image points (y down) in the least squares. */
export function fitCamera(head, image) {
  const count = head.length / 3;
  const from = [0, 0, 0], to = [0, 0, 0];
  for (let i = 0; i < head.length; i += 3) {
    for (let k = 0; k < 3; k++) {
      from[k] += head[i + k] / count;
      to[k] += image[i + k] / count;
    }
  }
  const cross = [[0, 0, 0], [0, 0, 0], [0, 0, 0]]; // image, y up, times head
  let spread = 0;
  for (let i = 0; i < head.length; i += 3) {
    const a = head[i] - from[0], b = head[i + 1] - from[1], c = head[i + 2] - from[2];
    const v = [image[i] - to[0], to[1] - image[i + 1], image[i + 2] - to[2]];
    spread += a * a + b * b + c * c;
    for (let k = 0; k < 3; k++) {
      cross[k][0] += v[k] * a;
      cross[k][1] += v[k] * b;
      cross[k][2] += v[k] * c;
    }
  }
  const rotation = nearestRotation(cross);
  let scale = 0;
  for (let r = 0; r < 3; r++) for (let c = 0; c < 3; c++) scale += rotation[r][c] * cross[r][c];
  scale /= spread;
  const moved = times(rotation, from);
  const translation = [
    to[0] - scale * moved[0], to[1] + scale * moved[1], to[2] - scale * moved[2],
  ];
  return { scale, rotation, translation };
}

export function times(matrix, v) {
  return matrix.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
}

/** Horn's quaternion x, y, z, w of a matrix M (JOSA A 1987): of the rotation R with the largest trace
 *  of R' M, which is M itself where that is a rotation. */
function horn(m) {
  return principal([
    [m[0][0] - m[1][1] - m[2][2], m[0][1] + m[1][0], m[2][0] + m[0][2], m[2][1] - m[1][2]],
    [m[0][1] + m[1][0], m[1][1] - m[0][0] - m[2][2], m[1][2] + m[2][1], m[0][2] - m[2][0]],
    [m[2][0] + m[0][2], m[1][2] + m[2][1], m[2][2] - m[0][0] - m[1][1], m[1][0] - m[0][1]],
    [m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1], m[0][0] + m[1][1] + m[2][2]],
  ]);
}

/** The rotation R with the largest trace of R' M. */
export function nearestRotation(m) {
  const [x, y, z, w] = horn(m);
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
}

/** Rotation -> unit quaternion x, y, z, w with w >= 0. */
export function quaternion(r) {
  const q = horn(r);
  return q.map((value) => Math.min(Math.max(q[3] < 0 ? -value : value, -1), 1));
}

/** Unit eigenvector of the largest eigenvalue of a symmetric matrix: Jacobi's turns. */
function principal(symmetric) {
  const a = symmetric.map((row) => [...row]), n = a.length;
  const vectors = a.map((_, i) => a.map((_, j) => Number(i === j)));
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        off += a[p][q] ** 2;
        if (a[p][q] === 0) continue;
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1), s = t * c;
        for (let k = 0; k < n; k++) {
          [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        }
        for (let k = 0; k < n; k++) {
          [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
          const [v, w] = [vectors[k][p], vectors[k][q]];
          [vectors[k][p], vectors[k][q]] = [c * v - s * w, s * v + c * w];
        }
      }
    }
    if (off < 1e-28 * a.reduce((sum, row, i) => sum + row[i] ** 2, 0)) break;
  }
  let best = 0;
  for (let i = 1; i < n; i++) if (a[i][i] > a[best][best]) best = i;
  const vector = vectors.map((row) => row[best]);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

const degrees = (radians) => (radians * 180) / Math.PI;

/** Yaw, pitch, roll in degrees. */
export function poseOf(r) {
  const cosine = Math.hypot(r[1][0], r[1][1]);
  const pitch = Math.atan2(r[1][2], cosine);
  const locked = cosine < 1e-6;
  const yaw = locked ? Math.atan2(-r[2][0], r[0][0]) : Math.atan2(r[0][2], r[2][2]);
  const roll = locked ? 0 : Math.atan2(-r[1][0], r[1][1]);
  return { yaw: degrees(yaw), pitch: degrees(pitch), roll: degrees(roll) };
}

/** Degrees between the head's up axis and the image's, clockwise positive. */
export function imageRoll(r) {
  return degrees(Math.atan2(r[0][1], r[1][1]));
}
