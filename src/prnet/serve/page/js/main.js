// Joins the page: sources, networks, drawings, files.
import { Layout } from "./layout.js";
import { Overlay } from "./overlay.js";
import { say, speak, startLanguage } from "./words.js";

const $ = (id) => document.getElementById(id);
const LARGEST = 16_000_000; // pixels: what every browser's canvas takes
const state = { faces: [], chosen: 0, picture: null, name: "face" };
const waiting = new Map();
let worker, settings, layout, overlay, view, asked = 0;

speak(startLanguage());

const ready = new Promise((resolve, reject) => {
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.onerror = (event) => reject(new Error(event.message || "worker"));
  worker.onmessage = ({ data }) => {
    if (data.progress !== undefined) $("progress").value = data.progress;
    else if (data.failed) reject(new Error(data.failed));
    else if (data.ready) resolve(data.ready);
    else {
      const { resolve: answer, reject: refuse } = waiting.get(data.id);
      waiting.delete(data.id);
      data.error ? refuse(new Error(data.error)) : answer(data);
    }
  };
});

/** The worker's answer to a task. */
export function ask(task, given, transfer = []) {
  return new Promise((resolve, reject) => {
    waiting.set(++asked, { resolve, reject });
    worker.postMessage({ id: asked, task, ...given }, transfer);
  });
}

export function tell(key, values) {
  $("status").textContent = key ? say(key, values) : "";
  state.told = key && { key, values };
}

const models = ready.then(async (told) => {
  settings = told;
  layout = new Layout(settings.layout, await (await fetch(new URL("../layout.bin", import.meta.url))).arrayBuffer());
  $("loading").hidden = true;
  overlay = new Overlay($("photo"), layout, settings);
  if (settings.offline) navigator.serviceWorker?.register("sw.js").catch(() => {});
  document.body.dataset.ready = "";
});
models.catch((error) => {
  $("loading").hidden = true;
  tell("noModels", { reason: error.message });
});

async function startView() {
  if (view !== undefined) return;
  view = null;
  try {
    const { View } = await import("./view.js");
    const step = Number(new URLSearchParams(location.search).get("step")) || 1;
    view = new View($("face"), layout, settings, { step });
    applyLook();
  } catch (error) {
    console.warn(error);
    $("no-webgl").hidden = false;
    $("face").hidden = true;
  }
}

const chosenRadio = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

function applyLook() {
  view?.style(chosenRadio("style"));
  view?.light(Number($("light").value));
  view?.open($("open").checked);
}

/** A photo's file, or its bytes, -> its faces. */
async function openPhoto(blob, name) {
  tell("looking");
  let picture;
  try {
    picture = await createImageBitmap(blob);
  } catch {
    return tell("notPicture");
  }
  const shrink = Math.sqrt(LARGEST / (picture.width * picture.height));
  if (shrink < 1) {
    const size = { resizeWidth: Math.floor(picture.width * shrink), resizeHeight: Math.floor(picture.height * shrink) };
    picture = await createImageBitmap(picture, { ...size, resizeQuality: "high" });
  }
  try {
    await models;
    const bitmap = await createImageBitmap(picture);
    const { faces, ms } = await ask("photo", { bitmap }, [bitmap]);
    Object.assign(state, { name: name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "_") || "face", chosen: 0 });
    await showFaces(picture, faces);
    if (!faces.length) tell("noFace");
    else if (shrink < 1) tell("reduced", { width: picture.width, height: picture.height });
    else tell("found", { count: faces.length, ms: Math.round(ms) });
    document.body.dataset.done = ++state.count || (state.count = 1);
  } catch (error) {
    if (settings) tell("failed", { reason: error.message });
  }
}

async function showFaces(picture, faces) {
  document.body.classList.add("started");
  $("result").hidden = false;
  Object.assign(state, { picture, faces });
  await startView();
  const buttons = faces.map((_, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = number + 1;
    button.addEventListener("click", () => choose(number));
    return button;
  });
  $("faces").replaceChildren(...(faces.length > 1 ? buttons : []));
  for (const button of $("save").querySelectorAll("button")) button.disabled = !faces.length;
  choose(Math.min(state.chosen, Math.max(faces.length - 1, 0)));
}

function choose(number) {
  state.chosen = overlay.chosen = number;
  [...$("faces").children].forEach((button, i) => {
    button.setAttribute("aria-pressed", String(i === number));
    button.setAttribute("aria-label", say("face", { number: i + 1 }));
  });
  redraw();
}

/** The chosen face, everywhere. */
function redraw() {
  const { picture, faces, chosen } = state, face = faces[chosen];
  if (!picture) return;
  overlay.show(picture, faces);
  $("legend").hidden = ![chosenRadio("style"), chosenRadio("overlay")].includes("confidence");
  if (!face) {
    if (view) view.mesh.visible = false;
    view?.draw();
  }
  const shown = face ? { ...face.pose } : {};
  for (const angle of ["yaw", "pitch", "roll"]) {
    shown[angle] = face ? shown[angle].toFixed(1) : "–";
    $(angle).textContent = face ? `${shown[angle]}°` : "–";
  }
  $("presence").textContent = face?.presence == null ? "–" : face.presence.toFixed(2);
  $("photo").setAttribute("aria-label", say("photoLabel", { count: faces.length, ...shown }));
  if (face) view?.show(picture, face, { frontal: $("frontal").checked });
}

$("language").addEventListener("click", () => {
  speak();
  if (state.told) tell(state.told.key, state.told.values);
  redraw();
});
$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", ({ target }) => {
  if (target.files[0]) openPhoto(target.files[0], target.files[0].name);
  target.value = "";
});
$("sample").addEventListener("click", async () => {
  openPhoto(await (await fetch("sample.jpg")).blob(), "sample.jpg");
});
document.addEventListener("paste", ({ clipboardData }) => {
  const file = [...clipboardData.files][0];
  if (file) openPhoto(file, file.name || "pasted");
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("sources").classList.toggle("over", kind === "dragover");
    const file = kind === "drop" && event.dataTransfer.files[0];
    if (file) openPhoto(file, file.name);
  });
}
$("photo").addEventListener("click", (event) => {
  const number = overlay.faceAt(event);
  if (number >= 0) choose(number);
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
