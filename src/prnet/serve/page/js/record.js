// Record: the frames of the camera, kept for a table.
import { download } from "./save.js";
import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
let running, last; // the recording that runs, and the last that has frames

/** Begins one, or ends the one that runs. `names`: of the curves. */
export function record(names) {
  if (running) return stopRecording();
  if (last && !last.saved && !confirm(say("overRecorded"))) return;
  running = new Recording(names);
  $("record").setAttribute("aria-pressed", "true");
  nameRecord();
  guard();
}

export function recordFrame(faces, seconds) {
  running?.add(faces, seconds);
}

export function stopRecording() {
  if (!running) return;
  if (running.frames) last = running;
  running = null;
  $("record").setAttribute("aria-pressed", "false");
  nameRecord();
  $("save-curves").disabled = !last;
  guard();
}

export function nameRecord() {
  $("record").textContent = running ? say("stopRecord", { count: running.frames }) : say("record");
}

export function saveRecording() {
  last.saved = true;
  download("live_curves.csv", last.csv());
  guard();
}

/** The browser asks before a tab closes whose recording is not saved. */
function guard() {
  window.onbeforeunload = running || (last && !last.saved) ? () => true : null;
}

/** The frames that are recorded, as a table. */
class Recording {
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
