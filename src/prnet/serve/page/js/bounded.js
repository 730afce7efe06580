// Least squares with some unknowns in 0..1: prnet/facemodel/bounded.py.

const ROUNDS = 12;

/** Minimises x' A x / 2 - b' x for A (N x N, rows one after another), unknowns `first` to `last` in
 *  0..1: the primal-dual active set method. */
export function solveBounded(matrix, right, first, last) {
  const size = right.length, low = new Uint8Array(size), high = new Uint8Array(size);
  let values;
  for (let round = 0; round <= ROUNDS; round++) {
    values = solveHeld(matrix, right, low, high);
    let changed = false;
    for (let i = first; i < last; i++) {
      let push = 0; // of the bound that holds it
      if (low[i] || high[i]) {
        push = right[i];
        for (let j = 0; j < size; j++) push -= matrix[i * size + j] * values[j];
      }
      const moved = values[i] + push / matrix[i * size + i];
      const [under, over] = [Number(moved < 0), Number(moved > 1)];
      changed ||= under !== low[i] || over !== high[i];
      [low[i], high[i]] = [under, over];
    }
    if (!changed) break;
  }
  for (let i = first; i < last; i++) values[i] = Math.min(Math.max(values[i], 0), 1);
  return values;
}

/** With unknowns held at 0 or at 1, the others free. */
function solveHeld(matrix, right, low, high) {
  const size = right.length, free = [];
  for (let i = 0; i < size; i++) if (!low[i] && !high[i]) free.push(i);
  const n = free.length, a = new Float64Array(n * n), b = new Float64Array(n);
  free.forEach((row, i) => {
    b[i] = right[row];
    for (let j = 0; j < size; j++) if (high[j]) b[i] -= matrix[row * size + j];
    free.forEach((column, j) => (a[i * n + j] = matrix[row * size + column]));
  });
  const solved = cholesky(a, b, n), values = new Float64Array(size);
  free.forEach((at, i) => (values[at] = solved[i]));
  for (let i = 0; i < size; i++) if (high[i]) values[i] = 1;
  return values;
}

/** The solution of a positive definite system; both arguments are written over. */
function cholesky(a, b, n) {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j];
      for (let k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
      a[i * n + j] = i === j ? Math.sqrt(sum) : sum / a[j * n + j];
    }
    let sum = b[j];
    for (let k = 0; k < j; k++) sum -= a[j * n + k] * b[k];
    b[j] = sum / a[j * n + j];
  }
  for (let j = n - 1; j >= 0; j--) {
    for (let k = j + 1; k < n; k++) b[j] -= a[k * n + j] * b[k];
    b[j] /= a[j * n + j];
  }
  return b;
}
