// The camera: picture after picture to the networks, as fast as they take them.

const WANTED = { video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" }, audio: false };
const SECOND = 1000;

/** What to say of a camera that does not open, as a key of words.js. */
export function whyNot(error) {
  if (!window.isSecureContext || !navigator.mediaDevices) return "insecure";
  const reasons = {
    NotFoundError: "noCamera", NotAllowedError: "noPermission", SecurityError: "noPermission",
    NotReadableError: "cameraBusy", AbortError: "cameraBusy",
  };
  return error.key ?? reasons[error.name] ?? "failed";
}

export class Live {
  /** `ask`: the worker; `took(faces, seconds)`: every frame; `show(bitmap, faces, known)`: those that
   *  are drawn, `known` the numbers that a track has, also a lost one; `report(rates)`: twice a second;
   *  `ended(key, values)`: what is to be said when it ends by itself. */
  constructor({ ask, smooth, took, show, report, ended }) {
    Object.assign(this, { ask, smooth, took, show, report, ended, run: null, video: document.createElement("video") });
    Object.assign(this.video, { muted: true, playsInline: true });
  }

  get on() {
    return Boolean(this.run);
  }

  /** Begins once the networks are `ready`: true, unless it was stopped meanwhile. Throws where the
   *  camera does not open. */
  async start(ready) {
    const run = (this.run = {});
    try {
      await ready;
      if (this.run !== run) return;
      run.stream = await navigator.mediaDevices.getUserMedia(WANTED);
      if (this.run !== run) return release(run);
      run.stream.getVideoTracks()[0].onended = () => this.run === run && this.ended("cameraGone");
      this.video.srcObject = run.stream;
      await this.video.play();
      await this.ask("start");
    } catch (error) {
      if (this.run !== run) return;
      this.stop();
      throw error;
    }
    if (this.run !== run) return;
    this.loop(run).catch((error) => this.run === run && this.ended(error.key ?? "failed", { reason: error.message }));
    return true;
  }

  stop() {
    release(this.run);
    this.run = null;
    this.video.srcObject = null;
  }

  async loop(run) {
    const passed = [];
    let reported = 0, next = caught(this.video);
    for (;;) {
      const { picture, seconds } = await next;
      if (this.run !== run) return picture.close();
      next = caught(this.video); // while the networks work, so that they need not wait for it
      const given = { bitmap: picture, seconds, smooth: this.smooth() };
      const { bitmap, faces, known, times } = await this.ask("frame", given, [picture]);
      if (this.run !== run) {
        next.then(({ picture: late }) => late.close(), () => {});
        return bitmap.close();
      }
      this.took(faces, seconds);
      this.draw(bitmap, faces, known);
      const now = performance.now();
      passed.push({ ...times, draw: this.drawing ?? 0, at: now });
      while (passed[0].at < now - 2 * SECOND) passed.shift();
      if (now - reported > SECOND / 2 && passed.length > 1) {
        reported = now;
        this.report(rates(passed));
      }
    }
  }

  /** The last picture, when the browser draws next: the networks do not wait for it. */
  draw(bitmap, faces, known) {
    if (this.latest) this.latest.bitmap.close();
    else requestAnimationFrame(async () => {
      const { bitmap: seen, faces: found, known: kept } = this.latest;
      this.latest = null;
      if (!this.on) return seen.close();
      const start = performance.now();
      await this.show(seen, found, kept);
      this.drawing = performance.now() - start;
    });
    this.latest = { bitmap, faces, known };
  }
}

function release(run) {
  run?.stream?.getTracks().forEach((track) => track.stop());
}

/** Frames a second, and the median milliseconds of each step (detect: of the frames that had it). */
function rates(passed) {
  const fps = ((passed.length - 1) * SECOND) / (passed.at(-1).at - passed[0].at);
  const median = (name) => {
    const values = passed.map((each) => each[name]).filter((value) => value > 0).sort((a, b) => a - b);
    return values.length ? values[values.length >> 1] : 0;
  };
  const steps = ["detect", "crop", "network", "steady", "draw", "read", "total"];
  return { fps, ...Object.fromEntries(steps.map((name) => [name, median(name)])) };
}

/** The next picture, and its time. */
function caught(video) {
  const taking = nextPicture(video).then(async () => {
    return { picture: await createImageBitmap(video), seconds: performance.now() / SECOND };
  });
  taking.catch(() => {}); // of a camera that was stopped; who waits for it is told all the same
  return taking;
}

function nextPicture(video) {
  return new Promise((resolve) => {
    if (video.requestVideoFrameCallback) {
      video.requestVideoFrameCallback(resolve);
      setTimeout(resolve, SECOND / 4); // of a camera that stalls
    } else requestAnimationFrame(resolve);
  });
}
