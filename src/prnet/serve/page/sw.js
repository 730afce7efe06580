// Keeps the page in the browser, so that it works offline. VERSION and FILES (name: digest) stand
// above, written by `prnet page`. The scope is part of the name: other folders of a host may have such a page, too.
const KEPT = `${VERSION} ${self.registration.scope}`;

self.addEventListener("install", (event) => {
  const keep = async () => {
    const fresh = (name) => new Request(name, { cache: "no-cache" }); // none of an earlier version
    await (await caches.open(KEPT)).addAll(["./", ...Object.keys(FILES)].map(fresh));
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    const ours = (key) => key.startsWith("prnet-") && key.endsWith(` ${self.registration.scope}`);
    const old = (await caches.keys()).filter((key) => ours(key) && key !== KEPT);
    await Promise.all(old.map((key) => caches.delete(key)));
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

/** Lets go of what is kept where the host has something else by now: a newer page, or, at
 *  localhost, another program. */
async function askHost() {
  let told;
  try {
    const answer = await fetch("sw.js", { cache: "no-cache" });
    if (answer.status >= 500) return;
    told = await answer.text();
  } catch {
    return; // offline
  }
  if (told.includes(VERSION)) return;
  await caches.delete(KEPT);
  if (!told.startsWith("const VERSION = ")) await self.registration.unregister();
}

self.addEventListener("fetch", (event) => {
  const answer = async () => {
    if (event.request.mode === "navigate") await askHost();
    const found = await caches.match(event.request, { cacheName: KEPT, ignoreSearch: true });
    return found ?? fetch(event.request);
  };
  if (event.request.method === "GET") event.respondWith(answer());
});
