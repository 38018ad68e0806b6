// The service worker that keeps the shell, and the newer version of the page that it may have ready.

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { connection } from "../live/store";
import { go } from "./router";

const LOOK_EVERY_MS = 60 * 60_000;

const waitingCell = signal<ServiceWorker | null>(null);

/** A newer version of this page that waits to take over; null if there is none. */
export const newerVersion: ReadonlySignal<ServiceWorker | null> = waitingCell;

/** Let the newer version take over, and load the page anew with it. */
export function takeNewerVersion(): void {
  const { serviceWorker } = navigator;
  serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  waitingCell.value?.postMessage({ type: "activate" });
}

/** Keep the shell in this browser, when everything else is done. To be called once; browsers without workers go without. */
export function startWorker(): void {
  // The development server has no build to keep, and a worker would keep its pages from changing.
  if (!import.meta.env.PROD || !navigator.serviceWorker) return;
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (data?.type === "go") go(String(data.path));
  });
  const register = () => {
    // Refused, as in a private window, or not to be had right now: the page works without.
    navigator.serviceWorker.register("/sw.js").then(follow, () => undefined);
  };
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}

function follow(registration: ServiceWorkerRegistration): void {
  const look = () => {
    // The first of all replaces nobody.
    if (navigator.serviceWorker.controller !== null) waitingCell.value = registration.waiting;
  };
  look();
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", look));
  lookForNewer(registration);
}

/** A server that was away may come back as a newer one; otherwise once an hour. */
function lookForNewer(registration: ServiceWorkerRegistration): void {
  const look = () => registration.update().catch(() => undefined);
  setInterval(look, LOOK_EVERY_MS);
  let lives = 0;
  effect(() => {
    if (connection.value.state !== "live") return;
    lives += 1;
    if (lives > 1) void look();
  });
}
