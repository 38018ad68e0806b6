// The service worker: keeps the shell, so that the page opens without the server and shows its last state.

const worker = self as unknown as ServiceWorkerGlobalScope;

// Replaced by the build with what there is to keep.
const KEPT = "__PRECACHED__" as unknown as { readonly version: string; readonly files: readonly string[] };

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT.version).then((cache) => cache.addAll(["/", ...KEPT.files])));
});
