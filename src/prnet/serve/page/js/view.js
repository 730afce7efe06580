// The face in 3D. The position map goes to the card as a texture of floats; the vertices read it.
import {
  BufferAttribute, BufferGeometry, DataTexture, DoubleSide, FloatType, GLSL3, LinearFilter, Matrix3, Mesh,
  NearestFilter, OrbitControls, PerspectiveCamera, RGBAFormat, Scene, ShaderMaterial, Texture, Vector2,
  Vector3, WebGLRenderer,
} from "../vendor/three.min.js";
import { sizeOf } from "./overlay.js";
import { FRAGMENT, VERTEX } from "./shaders.js";
import { cheeks } from "./surface.js";

export const STYLES = ["textured", "shaded", "wireframe", "depth", "normals", "confidence"];
const TEXTURE = 1024, REACH = 1.7; // pixels; sides of the crop: neck and forehead reach out of it
const KEY_STEP = 0.12, DISTANCE = 4.2;

export class View {
  /** Throws where there is no WebGL 2. `step`: every so many-th pixel of the map is a vertex. */
  constructor(canvas, layout, settings, { step = 1 } = {}) {
    Object.assign(this, { canvas, layout, step });
    this.renderer = new WebGLRenderer({ canvas, alpha: true, antialias: true });
    this.scene = new Scene();
    this.camera = new PerspectiveCamera(30, 1, 0.1, 50);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.addEventListener("change", () => this.draw());
    this.map = new DataTexture(new Float32Array(layout.size ** 2 * 4), layout.size, layout.size, RGBAFormat, FloatType);
    this.map.minFilter = this.map.magFilter = NearestFilter;
    this.picture = document.createElement("canvas");
    this.photo = new Texture(this.picture);
    this.photo.flipY = false;
    this.photo.generateMipmaps = false;
    this.photo.minFilter = this.photo.magFilter = LinearFilter;
    const { COLOURS, SURE, GUESSED } = settings.confidence;
    const value = (start) => ({ value: start });
    this.material = new ShaderMaterial({
      glslVersion: GLSL3, vertexShader: VERTEX, fragmentShader: FRAGMENT, side: DoubleSide,
      uniforms: {
        map: value(this.map), photo: value(this.photo), look: value(0), size: value(layout.size),
        middle: value(new Vector3()), unit: value(1), turn: value(new Matrix3()),
        corner: value(new Vector2()), side: value(1), range: value(new Vector2(0, 1)),
        light: value(new Vector3(0, 0, 1)), skin: value(new Vector3()), limits: value(new Vector2(SURE, GUESSED)),
        colours: value(COLOURS.map((colour) => new Vector3(...colour.map((v) => v / 255)))),
      },
    });
    this.geometries = {};
    this.mesh = new Mesh(this.geometry(false), this.material);
    this.mesh.frustumCulled = false;
    this.mesh.visible = false;
    this.scene.add(this.mesh);
    this.home();
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("webglcontextrestored", () => this.draw()); // after three.js, which heard first
  }

  geometry(open) {
    if (!this.geometries[open]) {
      const { layout } = this, geometry = new BufferGeometry();
      const pixels = new Float32Array(layout.pixels.length * 3);
      layout.pixels.forEach((pixel, i) => {
        pixels[i * 3] = pixel % layout.size;
        pixels[i * 3 + 1] = Math.floor(pixel / layout.size);
      });
      geometry.setAttribute("position", new BufferAttribute(pixels, 3));
      geometry.setIndex(new BufferAttribute(layout.triangles(this.step, open), 1));
      this.geometries[open] = geometry;
    }
    return this.geometries[open];
  }

  /** `picture`: what the canvas of the photo shows; `frontal`: without the head's pose. */
  show(picture, face, { frontal = false } = {}) {
    const { layout, material: { uniforms } } = this, { data } = this.map.image;
    const unit = sizeOf(face);
    let low = Infinity, high = -Infinity;
    for (let pixel = 0; pixel < layout.region.length; pixel++) {
      for (let k = 0; k < 3; k++) data[pixel * 4 + k] = face.map[pixel * 3 + k];
      data[pixel * 4 + 3] = layout.region[pixel] ? (face.deviation?.[pixel] ?? 0) / unit : -1;
      if (layout.region[pixel]) {
        low = Math.min(low, face.map[pixel * 3 + 2]);
        high = Math.max(high, face.map[pixel * 3 + 2]);
      }
    }
    this.map.needsUpdate = true;
    const nose = [0, 1, 2].map((k) => (face.landmarks[27 * 3 + k] + face.landmarks[33 * 3 + k]) / 2);
    const { rotation: r } = face.camera;
    uniforms.middle.value.set(nose[0], nose[1], nose[2] - 0.45 * unit);
    uniforms.unit.value = unit;
    uniforms.range.value.set(low, high);
    if (frontal) uniforms.turn.value.set(r[0][0], r[1][0], r[2][0], r[0][1], r[1][1], r[2][1], r[0][2], r[1][2], r[2][2]);
    else uniforms.turn.value.identity();
    this.texture(picture, face);
    this.mesh.visible = true;
    this.draw();
  }

  hide() {
    this.mesh.visible = false;
    this.draw();
  }

  /** The photo's square around the face. */
  texture(picture, { crop, landmarks }) {
    const side = crop.side * REACH;
    const pixels = Math.min(TEXTURE, Math.max(64, 2 ** Math.ceil(Math.log2(side))));
    if (this.picture.width !== pixels) {
      this.picture.width = this.picture.height = pixels;
      this.photo.dispose(); // of the old size
    }
    const corner = [crop.x - side / 2, crop.y - side / 2], scale = pixels / side;
    const context = this.picture.getContext("2d", { willReadFrequently: true });
    context.setTransform(scale, 0, 0, scale, -(corner[0] + 0.5) * scale, -(corner[1] + 0.5) * scale);
    context.fillStyle = "#888";
    context.fillRect(corner[0], corner[1], side + 1, side + 1);
    context.fillStyle = "#fff"; // under what is transparent
    context.fillRect(0, 0, picture.width, picture.height);
    context.drawImage(picture, 0, 0);
    context.setTransform(1, 0, 0, 1, 0, 0);
    const { uniforms } = this.material;
    uniforms.corner.value.set(...corner);
    uniforms.side.value = side;
    const colourAt = (x, y) => context.getImageData((x - corner[0]) * scale, (y - corner[1]) * scale, 1, 1).data;
    uniforms.skin.value.set(...cheeks(landmarks, colourAt).map((value) => value / 255));
    this.photo.needsUpdate = true;
  }

  style(name) {
    this.material.uniforms.look.value = STYLES.indexOf(name);
    this.draw();
  }

  open(open) {
    this.mesh.geometry = this.geometry(open);
    this.draw();
  }

  /** Light from `degrees` to the right of the camera, and a little from above. */
  light(degrees) {
    const angle = (degrees * Math.PI) / 180;
    this.material.uniforms.light.value.set(Math.sin(angle), 0.35, Math.cos(angle)).normalize();
    this.draw();
  }

  home() {
    this.camera.position.set(0, 0, DISTANCE);
    this.controls.target.set(0, 0, 0);
    this.controls.update();
    this.draw();
  }

  key(event) {
    const { camera } = this, { radius, across, up } = polar(camera.position);
    const moves = {
      ArrowLeft: [-KEY_STEP, 0, 1], ArrowRight: [KEY_STEP, 0, 1], ArrowUp: [0, KEY_STEP, 1],
      ArrowDown: [0, -KEY_STEP, 1], "+": [0, 0, 0.9], "=": [0, 0, 0.9], "-": [0, 0, 1 / 0.9],
    };
    if (event.key === "Home") this.home();
    if (!moves[event.key]) return;
    event.preventDefault();
    const [a, u, zoom] = moves[event.key];
    const height = Math.min(Math.max(up + u, -1.5), 1.5), far = radius * zoom;
    camera.position.set(
      far * Math.sin(across + a) * Math.cos(height), far * Math.sin(height), far * Math.cos(across + a) * Math.cos(height),
    );
    this.controls.update();
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, 2));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.zoom = Math.min(1, width / height);
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  draw() {
    this.renderer.render(this.scene, this.camera);
  }
}

function polar({ x, y, z }) {
  const radius = Math.hypot(x, y, z);
  return { radius, across: Math.atan2(x, z), up: Math.asin(y / radius) };
}
