// Faces from frame to frame, each person a track with a number: prnet/video/track.py.
import { boxAround, Crop, cropIsOff } from "./crop.js";
import { alike, lookOf, mixed } from "./look.js";

export class Tracker {
  constructor(models) {
    Object.assign(this, { models, c: models.settings.track, tracks: [], begun: 0 });
    this.detected = this.wholly = -Infinity;
  }

  /** The faces of a frame, each with its `track`. */
  async follow(picture, seconds) {
    const { ABSENCE, NEW_PEOPLE_EVERY, LOST_EVERY, WHOLE_EVERY } = this.c;
    const isNew = this.isNew(picture);
    // A clock may begin again, where films are chained.
    this.tracks = this.tracks.filter((track) => Math.abs(seconds - track.seconds) <= ABSENCE);
    const before = this.present(), known = this.shown().length;
    await this.move(picture, seconds, before);
    // Nobody misses what was none for certain.
    this.tracks = this.tracks.filter(({ number, lost }) => number || !lost);
    const shown = this.shown().length;
    // A picture in which all are found where they should be is no other, however it shakes.
    const atOnce = shown < known || (isNew && !known);
    const waiting = !shown || this.tracks.some(({ lost }) => lost);
    if (atOnce || Math.abs(seconds - this.detected) >= (waiting ? LOST_EVERY : NEW_PEOPLE_EVERY)) {
      this.detected = seconds;
      const every = waiting ? NEW_PEOPLE_EVERY : WHOLE_EVERY;
      const whole = atOnce || Math.abs(seconds - this.wholly) >= every;
      if (whole) this.wholly = seconds;
      this.take(await this.models.reconstruct(picture, { glance: !whole }), picture, seconds);
    }
    this.number();
    const faces = this.shown().sort((a, b) => a.number - b.number);
    return faces.map(({ face, number }) => ({ ...face, track: number }));
  }

  present() {
    return this.tracks.filter(({ lost }) => !lost);
  }

  shown() {
    return this.present().filter(({ number }) => number);
  }

  /** Who is surely a person gets a number. */
  number() {
    for (const track of this.present()) {
      if (!track.number && track.evidence >= this.c.ENOUGH) track.number = ++this.begun;
    }
  }

  /** That it is a person: the odds of presence over the frames, as logarithm. */
  evidence({ presence }, before = 0) {
    const sure = Math.min(presence ?? 1, 1 - 1e-6), odds = (p) => Math.log(p / (1 - p));
    return Math.max(0, before + odds(sure) - odds(this.c.DOUBT));
  }

  /** Whether this is the first picture, or hardly a pixel is what it was. */
  isNew({ data, width, height }) {
    const { CUT, COMPARED } = this.c, seen = [], before = this.thumbnail;
    for (let y = 0; y < height; y += COMPARED) {
      for (let x = 0; x < width; x += COMPARED) for (let k = 0; k < 3; k++) seen.push(data[(y * width + x) * 3 + k]);
    }
    this.thumbnail = seen;
    if (before?.length !== seen.length) return true;
    return seen.reduce((sum, value, i) => sum + Math.abs(value - before[i]), 0) / seen.length > CUT;
  }

  async move(picture, seconds, tracks) {
    for (const track of tracks) {
      const seen = await this.models.map(picture, track.face.box, this.crop(track, seconds));
      const face = await this.models.mirroredToo(picture, seen);
      const look = this.look(face, picture);
      if (this.stays(track, face, look)) this.moved(track, face, look, seconds);
      else track.lost = true;
    }
    this.part();
  }

  look(face, picture) {
    return lookOf(face, picture, this.models.layout, this.models.settings.look);
  }

  crop({ face, speed, seconds: then }, seconds) {
    const upright = face.crop.roll ? this.c.LEVELLED : this.models.settings.crop.UPRIGHT;
    const wanted = this.models.landmarkCrop(face, upright), passed = seconds - then;
    const moved = new Crop(
      wanted.x + speed[0] * passed, wanted.y + speed[1] * passed, wanted.side, wanted.size, wanted.roll,
    );
    // A crop that follows each tremble of the landmarks makes them tremble more.
    return cropIsOff(face.crop, moved, this.models.settings.crop, this.c.STILL) ? moved : face.crop;
  }

  /** Of two tracks on one face, that whose person looks less like it is lost. */
  part() {
    const present = this.present();
    present.forEach((one, i) => {
      for (const other of present.slice(i + 1)) {
        if (one.lost || other.lost || !this.same(one.face, other.face)) continue;
        const [a, b] = [one, other].map((track) => alike(track.look, track.lastLook));
        (a < b ? one : other).lost = true;
      }
    });
  }

  moved(track, face, look, seconds) {
    const [to, from] = [placeOf(face), placeOf(track.face)], passed = Math.max(seconds - track.seconds, 1e-3);
    track.speed = track.lost ? [0, 0] : [(to.x - from.x) / passed, (to.y - from.y) / passed];
    Object.assign(track, { face, seconds, lost: false, lastLook: look });
    track.look = mixed(track.look, look, this.c.MEMORY);
    track.evidence = this.evidence(face, track.evidence);
  }

  /** What the detector found: a face is known already, comes back, or is new. */
  take(faces, picture, seconds) {
    const stayed = this.present();
    for (const face of faces) {
      if (this.present().some((track) => this.same(face, track.face))) continue;
      const look = this.look(face, picture);
      const couldBe = this.tracks.filter((track) => this.canBe(track, face, seconds));
      const [likest] = couldBe.sort((a, b) => alike(b.look, look) - alike(a.look, look));
      if (likest && alike(likest.look, look) >= this.c.AGAIN_ALIKE) this.moved(likest, face, look, seconds);
      else if (!(couldBe.length && stayed.some((other) => this.near(face, other.face)))) {
        const begun = { number: 0, face, seconds, speed: [0, 0], look, lastLook: look, lost: false };
        this.tracks.push({ ...begun, evidence: this.evidence(face) });
      }
    }
  }

  /** Whether the face in the track's crop is the person of the frame before. */
  stays(track, face, look) {
    const { STAY_PRESENCE, LONGEST_STEP, MOST_GROWTH, STAY_ALIKE } = this.c;
    const present = face.presence === null || face.presence >= STAY_PRESENCE;
    const [now, then] = [placeOf(face), placeOf(track.face)];
    const way = apart(now, then) / then.size, growth = Math.max(now.size / then.size, then.size / now.size);
    return present && way <= LONGEST_STEP && growth <= MOST_GROWTH && alike(look, track.lastLook) >= STAY_ALIKE;
  }

  same(one, other) {
    const [a, b] = [placeOf(one), placeOf(other)];
    const [low, high] = [Math.min(a.size, b.size), Math.max(a.size, b.size)];
    return apart(a, b) < this.c.SAME_PLACE * high && high < this.c.SAME_SIZE * low;
  }

  near(one, other) {
    const [a, b] = [placeOf(one), placeOf(other)];
    return apart(a, b) < this.c.NEAR * Math.max(a.size, b.size);
  }

  canBe(track, face, seconds) {
    const { FARTHEST, LARGEST_GROWTH } = this.c;
    const [now, then] = [placeOf(face), placeOf(track.face)];
    const gone = Math.hypot(...track.speed) * (seconds - track.seconds);
    const growth = Math.max(now.size / then.size, then.size / now.size);
    return track.lost && apart(now, then) <= FARTHEST * then.size + gone && growth <= LARGEST_GROWTH;
  }
}

/** The middle and the longer side of the landmarks' box. */
export function placeOf({ landmarks }) {
  const { x, y, width, height } = boxAround(landmarks);
  return { x, y, size: Math.max(width, height) };
}

function apart(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
