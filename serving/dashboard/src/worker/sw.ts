// The service worker: keeps the shell, so that the page opens without the server and shows its last state; shows
// notifications' pages when they are clicked. It knows no numbers: what the API answers is never kept here.

import { ROOT_FILES, routeOf } from "./routes";

const worker = self as unknown as ServiceWorkerGlobalScope;

// Replaced by the build with what there is to keep.
const KEPT = "__PRECACHED__" as unknown as { readonly version: string; readonly files: readonly string[] };

const PREFIX = "shell-";
const CACHE = `${PREFIX}${KEPT.version}`;
const SHELL = "/";
// Its document is asked for as "/".
const DOCUMENT = "/index.html";
// A server that takes longer than this for a document is as good as away.
const PATIENCE_MS = 3_000;
// What stands before a server says these when the server itself doesn't answer.
const AWAY: ReadonlySet<number> = new Set([502, 503, 504]);

worker.addEventListener("install", (event) => event.waitUntil(keep()));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const route = routeOf(request.method, request.mode, new URL(request.url), worker.location.origin);
  if (route === "page") event.respondWith(networkFirst(request, SHELL));
  else if (route === "file") event.respondWith(networkFirst(request, request));
  else if (route === "asset") event.respondWith(keptFirst(request));
});

worker.addEventListener("message", (event) => {
  // The viewer wants the newer version now; without that it waits until the last page of the older one is closed.
  if (event.data?.type === "activate") void worker.skipWaiting();
});

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(String(event.notification.data?.path ?? SHELL)));
});

async function keep(): Promise<void> {
  const cache = await caches.open(CACHE);
  const assets = KEPT.files.filter((file) => file !== DOCUMENT);
  const fresh = [SHELL, ...ROOT_FILES].map((file) => new Request(file, { cache: "reload" }));
  await cache.addAll([...fresh, ...assets]);
}

async function takeOver(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)),
  );
  await worker.clients.claim();
}

async function networkFirst(request: Request, otherwise: RequestInfo): Promise<Response> {
  const asked = fetch(request);
  const answer = await Promise.race([asked.catch(() => null), pause(PATIENCE_MS)]);
  if (answer !== null && !AWAY.has(answer.status)) return answer;
  return (await kept(otherwise)) ?? asked;
}

async function keptFirst(request: Request): Promise<Response> {
  return (await kept(request)) ?? fetch(request);
}

async function kept(what: RequestInfo): Promise<Response | undefined> {
  const cache = await caches.open(CACHE);
  // They vary by their encoding only, and that is behind us.
  return cache.match(what, { ignoreVary: true });
}

function pause(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(resolve, ms, null));
}

/** The page at `path`, in a window that is open already if there is one. */
async function show(path: string): Promise<void> {
  const open = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  // The documentation's windows are none of ours: nobody there would hear of it.
  const ours = open.filter(({ url }) => routeOf("GET", "navigate", new URL(url), worker.location.origin) === "page");
  const [window] = ours.toSorted((a, b) => Number(b.focused) - Number(a.focused));
  if (window === undefined) {
    await worker.clients.openWindow(path);
    return;
  }
  window.postMessage({ type: "go", path });
  await window.focus();
}
