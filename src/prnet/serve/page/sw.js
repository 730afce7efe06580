// Keeps the page in the browser, so that it works offline. VERSION and FILES (name: digest) stand
// above, written by `prnet page`. The scope is part of the name: other folders of a host may have such a page, too.
const KEPT = `${VERSION} ${self.registration.scope}`;

self.addEventListener("install", (event) => {
  const keep = async () => {
    await (await caches.open(KEPT)).addAll(["./", ...Object.keys(FILES)]);
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

self.addEventListener("fetch", (event) => {
  const answer = async () => {
    const kept = await caches.open(KEPT);
    return (await kept.match(event.request, { ignoreSearch: true })) ?? fetch(event.request);
  };
  if (event.request.method === "GET") event.respondWith(answer());
});
