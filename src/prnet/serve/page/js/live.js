// The camera: picture after picture to the networks, as fast as they take them.

const WANTED = { video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" }, audio: false };
const SECOND = 1000;

/** What to say of a camera that does not open, as a key of words.js. */
export function whyNot(error) {
  if (!window.isSecureContext || !navigator.mediaDevices) return "insecure";
  const reasons = { NotAllowedError: "noPermission", SecurityError: "noPermission", NotReadableError: "cameraBusy" };
  return reasons[error.name] ?? "noCamera";
}

export class Live {
  /** `ask`: the worker; `show(bitmap, faces)` draws; `report(rates)` twice a second. */
  constructor({ ask, show, report, smooth }) {
    Object.assign(this, { ask, show, report, smooth, on: false, video: document.createElement("video") });
    Object.assign(this.video, { muted: true, playsInline: true });
  }

  /** Begins; throws where the camera does not open. */
  async start() {
    this.stream = await navigator.mediaDevices.getUserMedia(WANTED);
    this.video.srcObject = this.stream;
    await this.video.play();
    this.on = true;
    await this.ask("start");
    this.loop();
  }

  stop() {
    this.on = false;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.video.srcObject = null;
  }

  async loop() {
    const passed = [];
    let reported = 0;
    while (this.on) {
      await nextPicture(this.video);
      if (!this.on) break;
      const seconds = performance.now() / SECOND;
      const [seen, sent] = await Promise.all([createImageBitmap(this.video), createImageBitmap(this.video)]);
      const { faces, times } = await this.ask("frame", { bitmap: sent, seconds, smooth: this.smooth() }, [sent]);
      if (!this.on) break;
      const start = performance.now();
      await this.show(seen, faces, seconds);
      times.draw = performance.now() - start;
      passed.push({ ...times, at: start });
      while (passed[0].at < start - 2 * SECOND) passed.shift();
      if (start - reported > SECOND / 2 && passed.length > 1) {
        reported = start;
        this.report(rates(passed));
      }
    }
  }
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

function nextPicture(video) {
  return new Promise((resolve) => {
    if (video.requestVideoFrameCallback) {
      video.requestVideoFrameCallback(resolve);
      setTimeout(resolve, SECOND / 4); // of a camera that stalls
    } else requestAnimationFrame(resolve);
  });
}

/** The frames that are recorded, as a table. */
export class Recording {
  constructor(names) {
    this.names = names;
    this.rows = [];
    this.frames = 0;
  }

  add(faces, seconds) {
    this.start ??= seconds;
    for (const { track, pose, curves, landmarks } of faces) {
      const numbers = [pose.yaw, pose.pitch, pose.roll, ...curves].map((value) => value.toFixed(4));
      const points = [...landmarks].map((value) => value.toFixed(2));
      this.rows.push([this.frames, (seconds - this.start).toFixed(4), track, ...numbers, ...points].join(","));
    }
    this.frames++;
  }

  csv() {
    const points = Array.from({ length: 68 }, (_, i) => [`x${i}`, `y${i}`, `z${i}`]).flat();
    const head = ["frame", "seconds", "track", "yaw", "pitch", "roll", ...this.names, ...points];
    return [head.join(","), ...this.rows, ""].join("\n");
  }
}
