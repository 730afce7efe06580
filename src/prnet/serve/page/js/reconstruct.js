// Picture -> faces: prnet/reconstruct.py. A face is {map, box, crop, presence, deviation,
// landmarks, camera, pose}; everything in the pixels of the picture, z larger nearer.
import { fitCamera, imageRoll, poseOf } from "./camera.js";
import { stretched } from "./contrast.js";
import { boxAround, Crop, cropIsOff, uprightRoll } from "./crop.js";
import { byBelief, elsewhere, isAgain, toldApart } from "./doubted.js";
import { gather } from "./layout.js";
import { inWhiteLight } from "./light.js";
import { meanFace, mirrored, mirroredShare, unmirrored } from "./mirror.js";
import { reduce } from "./resample.js";

export class Reconstructor {
  constructor(detector, network, Tensor, layout, settings) {
    Object.assign(this, { detector, network, Tensor, layout, settings });
    this.size = settings.network.crop_size;
    this.times = { detect: 0, crop: 0, network: 0 };
  }

  /** The faces of a picture, the largest first. `glance`: looked for in small (video/glance.py). */
  async reconstruct(picture, { glance = false } = {}) {
    const start = performance.now();
    const boxes = await (glance ? this.inSmall(picture) : this.detector.detect(picture));
    this.times.detect = performance.now() - start;
    const { MIN_PRESENCE } = this.settings.reconstruct;
    const { doubted } = this.settings, found = [], tried = [];
    const isSure = (face) => face.presence >= MIN_PRESENCE;
    for (const box of boxes) found.push(await this.inBox(picture, box));
    const [faces, rest] = toldApart(byBelief(found, MIN_PRESENCE), isSure, doubted);
    for (const { box } of rest) {
      for (const place of elsewhere(box, doubted)) tried.push(await this.inBox(picture, place));
    }
    for (const face of byBelief(tried, MIN_PRESENCE)) {
      if (!isSure(face) || isAgain(face, faces, doubted)) continue;
      faces.push({ ...face, box: { ...this.landmarkBox(face), score: face.box.score } });
    }
    const area = ({ box }) => box.width * box.height, shown = [];
    for (const face of faces.sort((a, b) => area(b) - area(a))) {
      shown.push(await this.mirroredToo(picture, face));
    }
    return shown;
  }

  /** A face; one that is turned far as the mean with what its mirror image gives. */
  async mirroredToo(picture, face) {
    const { yaw } = poseOf(fitCamera(this.layout.headMarks, face.landmarks).rotation);
    const share = mirroredShare(yaw, this.settings.looks);
    if (!share) return face;
    const other = await this.map(picture, face.box, face.crop, { mirror: true });
    return this.described(meanFace(face, other, share));
  }

  /** The face in a box, from another crop where its landmarks ask for one. */
  async inBox(picture, box) {
    const crop = Crop.fromBox(box, this.settings.rules.detector, this.size);
    crop.roll = uprightRoll(crop.roll, this.settings.crop);
    const face = await this.map(picture, box, crop);
    const wanted = this.landmarkCrop(face);
    const off = cropIsOff(face.crop, wanted, this.settings.crop);
    const better = off ? await this.map(picture, box, wanted) : face;
    return { ...better, roll: this.landmarkBox(better).roll };
  }

  async inSmall(picture) {
    const times = Math.ceil(Math.max(picture.width, picture.height) / this.settings.glance.LONGEST);
    if (times === 1) return this.detector.detect(picture);
    const boxes = await this.detector.detect(reduce(picture, times, times));
    const enlarged = (value) => (value + 0.5) * times - 0.5;
    return boxes.map(({ x, y, width, height, points, ...same }) => ({
      ...same, x: enlarged(x), y: enlarged(y), width: width * times, height: height * times,
      points: points.map(enlarged),
    }));
  }

  /** The face in one crop, or (`mirror`) as its mirror image shows it. */
  async map(picture, box, crop, { mirror = false } = {}) {
    const start = performance.now();
    const upright = crop.cut(picture);
    const looked = mirror ? { ...upright, data: mirrored(upright.data, this.size, 3) } : upright;
    const seen = inWhiteLight(looked, this.settings.light);
    const data = stretched(seen.data, this.size, this.settings.contrast);
    const cut = performance.now();
    const input = new this.Tensor("uint8", data, [1, this.size, this.size, 3]);
    const said = await this.network.run({ crops: input });
    const out = mirror ? unmirrored(said, this.size) : said;
    this.times.crop = cut - start;
    this.times.network = performance.now() - cut;
    const unit = crop.side / crop.size;
    const deviation = out.deviations?.data.map((value) => value * unit) ?? null;
    const map = this.layout.setOrigin(crop.toImage(out.position_maps.data));
    const presence = out.presence ? out.presence.data[0] : null;
    return this.described({ map, box, crop, presence, deviation });
  }

  /** With the landmarks of its map. */
  described(face) {
    return { ...face, landmarks: this.layout.landmarks(face.map) };
  }

  /** The crop that its landmarks ask for; rolls of up to `upright` degrees are left as they are. */
  landmarkCrop(face, upright = 0) {
    return Crop.fromBox(this.landmarkBox(face, upright), this.settings.rules.landmarks, this.size);
  }

  landmarkBox({ landmarks }, upright = 0) {
    const turn = imageRoll(fitCamera(this.layout.headMarks, landmarks).rotation);
    return boxAround(landmarks, Math.abs(turn) > upright ? turn : 0);
  }
}

/** The camera of a face: of all its points, or of `some` of them. */
export function cameraOf(layout, map, which = "all") {
  return fitCamera(layout.heads[which], gather(map, layout.rigid[which]));
}

export function withPose(layout, face, which) {
  const camera = cameraOf(layout, face.map, which);
  return { ...face, camera, pose: poseOf(camera.rotation) };
}
