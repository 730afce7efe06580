// Joins the page: sources, networks, drawings, files.
import { Bars } from "./bars.js";
import { Layout } from "./layout.js";
import { Live, whyNot } from "./live.js";
import { Overlay } from "./overlay.js";
import { nameRecord, record, recordFrame, saveRecording, stopRecording } from "./record.js";
import { download, KINDS } from "./save.js";
import { say, speak, startLanguage } from "./words.js";
import { ask, ready } from "./networks.js";

const $ = (id) => document.getElementById(id);
const chosenRadio = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const LARGEST = 16_000_000; // pixels: what every browser's canvas takes
const state = { faces: [], chosen: 0, picture: null, name: "face", count: 0 };
let settings, layout, overlay, view, bars;
let looked = Promise.resolve(); // when the networks are done with the photos so far

speak(startLanguage());

const models = ready((share) => ($("progress").value = share)).then(async (told) => {
  settings = told;
  const bytes = await (await fetch(new URL("../layout.bin", import.meta.url))).arrayBuffer();
  layout = new Layout(settings.layout, bytes);
  overlay = new Overlay($("photo"), layout, settings);
  const colours = settings.confidence.COLOURS.map((colour) => `rgb(${colour.join(" ")})`);
  $("legend").querySelector("i").style.background = `linear-gradient(to right, ${colours.join(", ")})`;
  bars = new Bars($("bars"), settings.curves.names);
  $("loading").hidden = true;
  if (settings.offline) navigator.serviceWorker?.register("sw.js").catch(() => {});
  document.body.dataset.ready = "";
});
models.catch((error) => {
  state.broken = true;
  $("loading").hidden = true;
  tell("noModels", { reason: error.message });
});

/** Says how things stand, in words of words.js. */
function tell(key, values) {
  $("status").textContent = key ? say(key, values) : "";
  state.told = key && { key, values };
}

/** The 3D view, the first time that there is something to see: three.js comes after the networks. */
async function startView() {
  if (view !== undefined) return;
  view = null;
  try {
    const { View } = await import("./view.js");
    const step = Number(new URLSearchParams(location.search).get("step")) || 1;
    view = new View($("face"), layout, settings, { step });
    applyLook();
  } catch (error) {
    console.warn(error.message);
    $("no-webgl").hidden = false;
    $("face").hidden = true;
  }
}

function applyLook() {
  view?.style(chosenRadio("style"));
  $("light").disabled = !["shaded", "wireframe", "confidence"].includes(chosenRadio("style"));
  view?.light(Number($("light").value));
  view?.open($("open").checked);
}

/** A photo's bytes, or a promise of them -> its faces. Of several in a row, the last is shown. */
async function openPhoto(blob, name) {
  stopCamera();
  const turn = (state.turn = {});
  const late = () => state.turn !== turn;
  if (!state.broken) tell("looking");
  try {
    const { picture, reduced } = await decoded(blob);
    await models;
    const seen = looked.then(() => !late() && ask("photo", { bitmap: picture }, [picture]));
    looked = seen.catch(() => {});
    const { bitmap = picture, faces, ms } = await seen;
    if (late()) return bitmap.close();
    state.name = name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "_") || "face";
    state.chosen = 0;
    await showFaces(bitmap, faces);
    if (late()) return;
    if (!faces.length) tell("noFace");
    else if (reduced) tell("reduced", { width: bitmap.width, height: bitmap.height });
    else tell("found", { count: faces.length, ms: Math.round(ms) });
  } catch (error) {
    if (late()) return;
    if (error.key) tell(error.key, { reason: error.message });
    else if (!state.broken) tell("failed", { reason: error.message });
  } finally {
    document.body.dataset.done = ++state.count;
  }
}

/** What was dropped or pasted: its first file. A link or text has none. */
function openGiven({ files: [file] }) {
  if (file) openPhoto(file, file.name || "pasted");
  else tell("notPicture");
}

async function decoded(blob) {
  const picture = await createImageBitmap(await blob).catch(() => {
    throw Object.assign(new Error("no picture"), { key: "notPicture" });
  });
  const { width, height } = picture, shrink = Math.sqrt(LARGEST / (width * height));
  if (shrink >= 1) return { picture, reduced: false };
  const [resizeWidth, resizeHeight] = [width, height].map((length) => Math.max(1, Math.floor(length * shrink)));
  const options = { resizeWidth, resizeHeight, resizeQuality: "high" };
  const reduced = await createImageBitmap(picture, options);
  picture.close();
  return { picture: reduced, reduced: true };
}

async function showFaces(picture, faces) {
  document.body.classList.add("started");
  $("result").hidden = false;
  if (state.picture !== picture) state.picture?.close();
  Object.assign(state, { picture, faces });
  await startView();
  if (state.picture !== picture) return; // another came meanwhile
  const many = faces.length > 1 ? faces : [];
  if ($("faces").childElementCount !== many.length) {
    $("faces").replaceChildren(...many.map((_, number) => {
      const button = document.createElement("button");
      button.type = "button";
      button.addEventListener("click", () => choose(number));
      return button;
    }));
  }
  choose(Math.min(state.chosen, Math.max(faces.length - 1, 0)));
}

function choose(number) {
  state.chosen = overlay.chosen = number;
  state.track = state.faces[number]?.track ?? state.track;
  for (const button of $("save").querySelectorAll("button")) button.disabled = !state.faces[number];
  [...$("faces").children].forEach((button, i) => {
    button.textContent = state.faces[i].track ?? i + 1;
    button.setAttribute("aria-pressed", String(i === number));
    button.setAttribute("aria-label", say("face", { number: button.textContent }));
  });
  redraw();
}

/** The chosen face, everywhere. */
function redraw() {
  const { picture, faces, chosen } = state, face = faces[chosen];
  if (!picture) return;
  overlay.show(picture, faces);
  $("legend").hidden = ![chosenRadio("style"), chosenRadio("overlay")].includes("confidence");
  $("expression").hidden = !face;
  const shown = {};
  for (const angle of ["yaw", "pitch", "roll"]) {
    shown[angle] = face ? face.pose[angle].toFixed(1) : "–";
    $(angle).textContent = face ? `${shown[angle]}°` : "–";
  }
  $("presence").textContent = face?.presence == null ? "–" : face.presence.toFixed(2);
  if (!live.on) $("photo").setAttribute("aria-label", say("photoLabel", { count: faces.length, ...shown }));
  if (face) bars.show(face.curves);
  if (face) view?.show(picture, face, { frontal: $("frontal").checked });
  else view?.hide();
}

const live = new Live({
  ask,
  smooth: () => $("smooth").checked,
  took(faces, seconds) {
    if (Boolean(faces.length) !== state.seen) tell(faces.length ? "" : "noFaceLive");
    state.seen = Boolean(faces.length);
    recordFrame(faces, seconds);
  },
  show(picture, faces, known) {
    const place = faces.findIndex(({ track }) => track === state.track);
    state.chosen = known.includes(state.track) ? place : 0; // -1: lost for a moment
    return showFaces(picture, faces);
  },
  report(rates) {
    const values = Object.entries(rates).map(([name, value]) => [name, value.toFixed(name === "fps" ? 1 : 0)]);
    state.rates = Object.fromEntries(values);
    $("rates").textContent = say("rates", state.rates);
    nameRecord();
    document.body.dataset.rates = JSON.stringify(rates);
  },
  ended(key, values) {
    stopCamera();
    tell(key, values);
  },
});

async function startCamera() {
  if (state.broken) return; // which is said already
  state.turn = null; // of a photo that is still looked at
  pressCamera(true);
  tell("opening");
  try {
    if (!(await live.start(models))) return;
  } catch (error) {
    pressCamera(false);
    if (!state.broken) tell(whyNot(error), { reason: error.message });
    return;
  }
  Object.assign(state, { name: "live", seen: undefined, chosen: 0, track: undefined });
  $("live").hidden = false;
  $("record").disabled = false;
}

function stopCamera() {
  if (!live.on) return;
  live.stop();
  stopRecording();
  $("rates").textContent = "";
  state.rates = null;
  pressCamera(false);
  tell("");
}

function pressCamera(on) {
  $("camera").setAttribute("aria-pressed", String(on));
  $("camera").dataset.t = on ? "stop" : "camera";
  $("camera").textContent = say($("camera").dataset.t);
  if (!on) $("record").disabled = true;
}

async function save(kind) {
  if (kind === "curves") return saveRecording();
  const { faces, chosen, picture, name } = state, [ending, make] = KINDS[kind];
  const stem = faces.length > 1 ? `${name}_${chosen}` : name, open = $("open").checked;
  const given = { layout, face: faces[chosen], picture, open, name: stem, names: settings.curves.names };
  try {
    download(stem + ending, await make(given));
  } catch (error) {
    tell("failed", { reason: error.message });
  }
}

$("language").addEventListener("click", () => {
  speak();
  nameRecord();
  if (state.told) tell(state.told.key, state.told.values);
  if (state.rates) $("rates").textContent = say("rates", state.rates);
  if (state.picture) choose(state.chosen);
});
$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", ({ target }) => {
  if (target.files[0]) openPhoto(target.files[0], target.files[0].name);
  target.value = "";
});
$("sample").addEventListener("click", () => {
  openPhoto(fetch("sample.jpg").then((answer) => answer.blob()), "sample.jpg");
});
$("camera").addEventListener("click", () => (live.on ? stopCamera() : startCamera()));
$("record").addEventListener("click", () => record(settings.curves.names));
document.addEventListener("paste", ({ clipboardData }) => openGiven(clipboardData));
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("sources").classList.toggle("over", kind === "dragover");
    if (kind === "drop") openGiven(event.dataTransfer);
  });
}
$("photo").addEventListener("click", (event) => {
  const number = overlay.faceAt(event);
  if (number < 0) return;
  choose(number);
  $("faces").children[number]?.scrollIntoView({ block: "nearest", inline: "nearest" });
});
$("style").addEventListener("input", () => {
  applyLook();
  redraw();
});
$("home").addEventListener("click", () => view?.home());
$("overlay").addEventListener("input", () => {
  overlay.what = chosenRadio("overlay");
  redraw();
});
document.addEventListener("click", ({ target }) => {
  if (target.dataset?.save) save(target.dataset.save);
});
