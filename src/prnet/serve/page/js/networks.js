// The worker with the networks, as questions and answers.

const waiting = new Map();
let asked = 0;

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });

/** Settles when the networks are there: with the settings. `progress` gets 0..1. */
export function ready(progress) {
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || "worker"));
    worker.onmessage = ({ data }) => {
      if (data.progress !== undefined) progress(data.progress);
      else if (data.failed) reject(new Error(data.failed));
      else if (data.ready) resolve(data.ready);
      else {
        const { answer, refuse } = waiting.get(data.id);
        waiting.delete(data.id);
        if (data.error) refuse(new Error(data.error));
        else answer(data);
      }
    };
  });
}

/** The worker's answer to a task. */
export function ask(task, given = {}, transfer = []) {
  return new Promise((answer, refuse) => {
    waiting.set(++asked, { answer, refuse });
    worker.postMessage({ id: asked, task, ...given }, transfer);
  });
}
