// A face as files, made in the browser: what prnet/formats writes of it.
import { quaternion } from "./camera.js";
import { encoded, greyPng, joined, zip } from "./bytes.js";
import { upward } from "./layout.js";
import { Surface } from "./surface.js";

const FLOAT = 5126, UNSIGNED = 5125, VERTICES = 34962, INDICES = 34963;
const DEPTH_ORIGIN = 32768; // prnet/formats/depth.py

const fixed = (value, places) => Number(value.toFixed(places));

/** A canvas' picture as a file's bytes. */
async function pictureBytes(image, kind) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const blob = await canvas.convertToBlob({ type: kind, quality: 0.95 });
  return new Uint8Array(await blob.arrayBuffer());
}

/** As load_image reads a photo: what is transparent, on white. */
export function photoPixels(picture) {
  const { width, height } = picture;
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, width, height);
}

export function describe(layout, face, picture, names) {
  const { box, crop, camera, pose, landmarks, deviation, presence, curves } = face;
  const rows = Array.from({ length: 68 }, (_, i) => [...landmarks.slice(i * 3, i * 3 + 3)].map((v) => fixed(v, 3)));
  const spread = deviation && layout.vertices(deviation, 1).reduce((sum, v) => sum + v, 0) / layout.pixels.length;
  const edges = [box.x - box.width / 2, box.y - box.height / 2, box.x + box.width / 2, box.y + box.height / 2];
  return {
    box: edges.map((edge) => fixed(edge, 2)),
    box_roll: fixed(box.roll, 3),
    score: fixed(box.score, 4),
    presence: presence === null ? null : fixed(presence, 4),
    deviation: deviation ? fixed(spread, 3) : null,
    pose: {
      yaw: fixed(pose.yaw, 3), pitch: fixed(pose.pitch, 3), roll: fixed(pose.roll, 3), unit: "degrees",
      camera: {
        scale: Number(camera.scale.toPrecision(6)),
        rotation: camera.rotation.map((row) => row.map((value) => fixed(value, 6))),
        translation: camera.translation.map((value) => fixed(value, 3)),
      },
    },
    landmarks: rows,
    image: { width: picture.width, height: picture.height },
    crop: { centre: [fixed(crop.x, 3), fixed(crop.y, 3)], side: fixed(crop.side, 3), roll: fixed(crop.roll, 3) },
    millimetres_per_pixel: Number((layout.millimetres / camera.scale).toPrecision(6)),
    layout: layout.name,
    vertices: layout.pixels.length,
    triangles: layout.triangles(1).length / 3,
    axes: "x right, y down, pixel centres on integers; z in pixels, larger is nearer",
    depth_origin: layout.zRule,
    depth_picture: { scale: depthScale(layout.vertices(face.map), picture), origin: DEPTH_ORIGIN },
    curves: Object.fromEntries(names.map((name, i) => [name, fixed(curves[i], 4)])),
  };
}

/** Binary glTF: head frame in metres, the pose on the node, the texture inside. */
export async function glb({ layout, face, picture, open, names }) {
  const surface = new Surface(layout, face, { open }), photo = photoPixels(picture);
  const points = surface.headPoints(), low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  points.forEach((value, i) => {
    low[i % 3] = Math.min(low[i % 3], value);
    high[i % 3] = Math.max(high[i % 3], value);
  });
  const parts = [
    [points, VERTICES, "VEC3", FLOAT], [surface.headNormals(), VERTICES, "VEC3", FLOAT],
    [surface.textureCoordinates(), VERTICES, "VEC2", FLOAT], [surface.triangles, INDICES, "SCALAR", UNSIGNED],
  ];
  const extras = describe(layout, face, picture, names); // before the camera's next frame closes the picture
  const image = await pictureBytes(surface.texture(photo), "image/jpeg");
  const views = [], accessors = [], data = [];
  let at = 0;
  const add = (bytes, target) => {
    const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    padded.set(bytes);
    views.push({ buffer: 0, byteOffset: at, byteLength: bytes.length, ...(target && { target }) });
    data.push(padded);
    at += padded.length;
    return views.length - 1;
  };
  const width = { SCALAR: 1, VEC2: 2, VEC3: 3 };
  for (const [array, target, type, componentType] of parts) {
    const bufferView = add(new Uint8Array(array.buffer), target);
    accessors.push({ bufferView, componentType, count: array.length / width[type], type });
  }
  Object.assign(accessors[0], { min: low, max: high });
  const picturePart = add(image);
  const document = {
    asset: { version: "2.0", generator: "prnet" },
    scene: 0, scenes: [{ nodes: [0] }],
    nodes: [{
      name: "face", mesh: 0, rotation: quaternion(face.camera.rotation), extras,
    }],
    meshes: [{ primitives: [{ attributes: { POSITION: 0, NORMAL: 1, TEXCOORD_0: 2 }, indices: 3, material: 0 }] }],
    materials: [{
      pbrMetallicRoughness: { metallicFactor: 0, roughnessFactor: 1, baseColorTexture: { index: 0 } },
      doubleSided: true,
    }],
    images: [{ bufferView: picturePart, mimeType: "image/jpeg" }],
    samplers: [{ magFilter: 9729, minFilter: 9987, wrapS: 33071, wrapT: 33071 }],
    textures: [{ source: 0, sampler: 0 }],
    accessors, bufferViews: views, buffers: [{ byteLength: at }],
  };
  const text = encoded(JSON.stringify(document)), json = new Uint8Array(Math.ceil(text.length / 4) * 4).fill(32);
  json.set(text);
  const words = (...numbers) => new Uint8Array(Uint32Array.from(numbers).buffer);
  const total = 12 + 8 + json.length + 8 + at;
  return joined([words(0x46546c67, 2, total, json.length, 0x4e4f534a), json, words(at, 0x004e4942), ...data]);
}

/** OBJ, material and texture in one zip. */
export async function obj({ layout, face, picture, open, name }) {
  const surface = new Surface(layout, face, { open }), lines = [`mtllib ${name}.mtl`];
  const points = upward(surface.points), normals = upward(surface.normals);
  const texture = surface.textureCoordinates(), { triangles, count } = surface;
  for (let i = 0; i < count; i++) {
    lines.push(`v ${points[i * 3].toFixed(3)} ${points[i * 3 + 1].toFixed(3)} ${points[i * 3 + 2].toFixed(3)}`);
  }
  for (let i = 0; i < count; i++) lines.push(`vt ${texture[i * 2].toFixed(6)} ${(1 - texture[i * 2 + 1]).toFixed(6)}`);
  for (let i = 0; i < count; i++) {
    lines.push(`vn ${normals[i * 3].toFixed(4)} ${normals[i * 3 + 1].toFixed(4)} ${normals[i * 3 + 2].toFixed(4)}`);
  }
  lines.push("usemtl face");
  for (let i = 0; i < triangles.length; i += 3) {
    const [a, b, c] = [triangles[i] + 1, triangles[i + 1] + 1, triangles[i + 2] + 1];
    lines.push(`f ${a}/${a}/${a} ${b}/${b}/${b} ${c}/${c}/${c}`);
  }
  const material = ["newmtl face", "Ka 1 1 1", "Kd 1 1 1", "Ks 0 0 0", "illum 1", `map_Kd ${name}.png`, ""];
  return zip({
    [`${name}.obj`]: encoded(`${lines.join("\n")}\n`),
    [`${name}.mtl`]: encoded(material.join("\n")),
    [`${name}.png`]: await pictureBytes(surface.texture(photoPixels(picture)), "image/png"),
  });
}

/** Binary PLY with normals and colours. */
export function ply({ layout, face, picture, open }) {
  const surface = new Surface(layout, face, { open }), { count, triangles } = surface;
  const [points, normals] = [upward(surface.points), upward(surface.normals)];
  const colours = surface.colours(photoPixels(picture));
  const properties = [..."xyz"].concat("nx", "ny", "nz").map((name) => `property float ${name}`);
  properties.push(...["red", "green", "blue"].map((name) => `property uchar ${name}`));
  const head = [
    "ply", "format binary_little_endian 1.0", `element vertex ${count}`, ...properties,
    `element face ${triangles.length / 3}`, "property list uchar int vertex_indices", "end_header\n",
  ].join("\n");
  const body = new DataView(new ArrayBuffer(count * 27 + (triangles.length / 3) * 13));
  let at = 0;
  for (let i = 0; i < count * 3; i += 3) {
    for (const values of [points, normals]) for (let k = i; k < i + 3; k++, at += 4) body.setFloat32(at, values[k], true);
    for (let k = i; k < i + 3; k++) body.setUint8(at++, colours[k]);
  }
  for (let i = 0; i < triangles.length; i += 3) {
    body.setUint8(at++, 3);
    for (let k = i; k < i + 3; k++, at += 4) body.setInt32(at, triangles[k], true);
  }
  return joined([encoded(head), new Uint8Array(body.buffer)]);
}

export function depthScale(points, { width, height }) {
  const largest = points.reduce((most, z, i) => (i % 3 === 2 ? Math.max(most, Math.abs(z)) : most), 0);
  let scale = Math.max(width, height, 1) / 65536; // 0 of a closed picture never grows
  while (largest > scale * (65535 - DEPTH_ORIGIN)) scale *= 2;
  return scale;
}

/** Depth of 16 bits, 0 where the face is not; z = (value - depth_origin) depth_scale pixels. */
export async function depth({ layout, face, picture }) {
  const surface = new Surface(layout, face), { width, height } = picture, scale = depthScale(surface.points, picture);
  const values = Uint16Array.from(surface.depth(width, height), (z) => {
    return Number.isNaN(z) ? 0 : Math.round(z / scale) + DEPTH_ORIGIN;
  });
  return greyPng(values, width, height, { depth_scale: String(scale), depth_origin: String(DEPTH_ORIGIN) });
}

const rows = ({ landmarks }, join) => Array.from({ length: 68 }, (_, i) => {
  return [...landmarks.slice(i * 3, i * 3 + 3)].map((value) => value.toFixed(3)).join(join);
});

/** Name: (what ends the file's name, what makes its bytes or text). */
export const KINDS = {
  glb: [".glb", glb],
  obj: ["_textured.zip", obj],
  ply: [".ply", ply],
  depth: ["_depth.png", depth],
  landmarks: ["_landmarks.txt", ({ face }) => `${rows(face, " ").join("\n")}\n`],
  csv: ["_landmarks.csv", ({ face }) => `landmark,x,y,z\n${rows(face, ",").map((row, i) => `${i},${row}\n`).join("")}`],
  json: [".json", ({ layout, face, picture, names }) => `${JSON.stringify(describe(layout, face, picture, names), null, 2)}\n`],
};

/** Gives the user a file. */
export function download(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
