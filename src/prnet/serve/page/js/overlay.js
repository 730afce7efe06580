// The photo with what was found on it, on a 2D canvas that fills its frame.
import { boxAround } from "./crop.js";

const LINES = [
  [...Array(17).keys()], [17, 18, 19, 20, 21], [22, 23, 24, 25, 26], [27, 28, 29, 30],
  [31, 32, 33, 34, 35], [36, 37, 38, 39, 40, 41, 36], [42, 43, 44, 45, 46, 47, 42],
  [48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 48], [60, 61, 62, 63, 64, 65, 66, 67, 60],
];
const INK = "#39e6a0", OTHER = "#ffffff", MESH_STEP = 6, DOT_STEP = 3;

/** Colour, "rgb(...)", of a deviation as a share of the face's size: appearance/confidence.py. */
export function confidenceColour(share, { COLOURS, SURE, GUESSED }) {
  const place = (Math.log(Math.max(share, 1e-9) / SURE) / Math.log(GUESSED / SURE)) * (COLOURS.length - 1);
  const at = Math.min(Math.max(place, 0), COLOURS.length - 1);
  const low = Math.min(Math.floor(at), COLOURS.length - 2), part = at - low;
  const mixed = COLOURS[low].map((value, k) => Math.round(value + part * (COLOURS[low + 1][k] - value)));
  return `rgb(${mixed.join(" ")})`;
}

/** sqrt(w h) of the landmarks' box. */
export function sizeOf({ landmarks }) {
  const { width, height } = boxAround(landmarks);
  return Math.sqrt(width * height);
}

export class Overlay {
  constructor(canvas, layout, settings) {
    Object.assign(this, { canvas, layout, settings, what: "landmarks", chosen: 0 });
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  show(picture, faces) {
    Object.assign(this, { picture, faces });
    this.draw();
  }

  /** Canvas pixels: scale and corner of the photo in its frame. */
  place() {
    const { canvas, picture } = this, ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const scale = Math.min(width / picture.width, height / picture.height);
    const left = (width - scale * picture.width) / 2, top = (height - scale * picture.height) / 2;
    return { scale, left, top, ratio };
  }

  draw() {
    const { context, picture, faces } = this;
    if (!picture || !this.canvas.clientWidth) return;
    const { scale, left, top, ratio } = this.place();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(picture, left, top, scale * picture.width, scale * picture.height);
    // Pixel centres are on integers.
    const at = (x, y) => [left + (x + 0.5) * scale, top + (y + 0.5) * scale];
    faces.forEach((face, number) => {
      const chosen = number === this.chosen;
      context.strokeStyle = context.fillStyle = chosen ? INK : OTHER;
      if (chosen && this.what === "landmarks") this.landmarks(face, at, scale, ratio);
      if (chosen && this.what === "mesh") this.mesh(face, at, ratio);
      if (chosen && this.what === "confidence" && face.deviation) this.dots(face, at, scale);
      if (faces.length > 1) this.number(face, face.track ?? number + 1, at, ratio);
    });
  }

  landmarks(face, at, scale, ratio) {
    const { context } = this, { landmarks } = face;
    const radius = Math.min(Math.max(0.012 * sizeOf(face) * scale, 0.6 * ratio), 2.5 * ratio);
    context.lineWidth = radius;
    const point = (i) => at(landmarks[i * 3], landmarks[i * 3 + 1]);
    for (const line of LINES) {
      context.beginPath();
      line.forEach((i) => context.lineTo(...point(i)));
      context.stroke();
    }
    for (let i = 0; i < 68; i++) {
      context.beginPath();
      context.arc(...point(i), radius, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** Lines along rows and columns of the map where the surface faces the camera. */
  mesh({ map }, at, ratio) {
    const { context, layout } = this, size = layout.size;
    context.lineWidth = 0.7 * ratio;
    context.globalAlpha = 0.8;
    context.beginPath();
    for (const [along, across] of [[1, size], [size, 1]]) {
      for (let line = 0; line < size; line += MESH_STEP) {
        let open = false;
        for (let i = 0; i < size; i += 2) {
          const pixel = line * across + i * along;
          const seen = layout.region[pixel] && facing(map, pixel, size);
          if (seen) context[open ? "lineTo" : "moveTo"](...at(map[pixel * 3], map[pixel * 3 + 1]));
          open = Boolean(seen);
        }
      }
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  dots(face, at, scale) {
    const { context, layout } = this, size = layout.size, unit = sizeOf(face);
    const side = Math.max(1.5, (unit * scale) / 110);
    for (let row = 0; row < size; row += DOT_STEP) {
      for (let column = 0; column < size; column += DOT_STEP) {
        const pixel = row * size + column;
        if (!layout.region[pixel] || !facing(face.map, pixel, size)) continue;
        const [x, y] = at(face.map[pixel * 3], face.map[pixel * 3 + 1]);
        context.fillStyle = confidenceColour(face.deviation[pixel] / unit, this.settings.confidence);
        context.fillRect(x - side / 2, y - side / 2, side, side);
      }
    }
  }

  number({ landmarks }, number, at, ratio) {
    const { context } = this;
    const points = Array.from({ length: 68 }, (_, i) => at(landmarks[i * 3], landmarks[i * 3 + 1]));
    const [xs, ys] = [0, 1].map((k) => points.map((point) => point[k]));
    const [x0, y0, x1, y1] = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    context.lineWidth = 1.4 * ratio;
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    context.font = `bold ${15 * ratio}px system-ui`;
    context.fillText(String(number), x0, y0 - 5 * ratio);
  }

  /** The number of the face at a point of the page, -1 where there is none. */
  faceAt({ clientX, clientY }) {
    if (!this.picture) return -1;
    const bounds = this.canvas.getBoundingClientRect(), { scale, left, top, ratio } = this.place();
    const x = ((clientX - bounds.left) * ratio - left) / scale;
    const y = ((clientY - bounds.top) * ratio - top) / scale;
    const away = this.faces.map((face) => {
      const middle = [0, 1].map((k) => face.landmarks[30 * 3 + k]);
      return Math.hypot(x - middle[0], y - middle[1]) / sizeOf(face);
    });
    const nearest = away.indexOf(Math.min(...away));
    return away[nearest] < 0.9 ? nearest : -1;
  }
}

/** Whether the surface at a pixel of the map looks at the camera. */
function facing(map, pixel, size) {
  const p = pixel * 3, right = Math.min(pixel + 1, size * size - 1) * 3;
  const below = Math.min(pixel + size, size * size - 1) * 3;
  const ux = map[right] - map[p], uy = map[right + 1] - map[p + 1];
  const vx = map[below] - map[p], vy = map[below + 1] - map[p + 1];
  return ux * vy - uy * vx > 0;
}
