// The worker with the networks, as questions and answers. After one that died comes another.

const waiting = new Map();
let asked = 0, worker;

/** Starts the worker; settles when the networks are there: with the settings. `progress` gets 0..1. */
export function ready(progress) {
  return new Promise((resolve, reject) => {
    const died = (reason) => {
      worker.terminate();
      worker = null;
      reject(new Error(reason));
      for (const { refuse } of waiting.values()) refuse(Object.assign(new Error(reason), { key: "networksDied" }));
      waiting.clear();
    };
    worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    worker.onerror = worker.onmessageerror = ({ target, message }) => {
      if (target === worker) died(message || "worker");
    };
    worker.onmessage = ({ data }) => {
      if (data.progress !== undefined) progress(data.progress);
      else if (data.failed) died(data.failed);
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
  if (!worker) ready(() => {}).catch(() => {}); // which who asks is told
  return new Promise((answer, refuse) => {
    waiting.set(++asked, { answer, refuse });
    worker.postMessage({ id: asked, task, ...given }, transfer);
  });
}
