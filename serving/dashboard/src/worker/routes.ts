// What the service worker does with a request.

/** `page` is one of ours, `asset` never changes under its name, `file` may; everything else is the server's business. */
export type Route = "page" | "asset" | "file" | "network";

// As `app/router` has them; a worker that knew fewer would leave a page without its shell.
const PAGES = /^\/(?:(?:market|signals|portfolio|models|system|playground)(?:\/.*)?)?$/;

/** Files at the root that the shell needs: their names stay while their content may change. */
export const ROOT_FILES: readonly string[] = ["/boot.js", "/app.webmanifest", "/icon.svg", "/icon-192.png"];

/** Nothing under `/v1`, and nothing of the documentation: an old answer must never look like a new one. */
export function routeOf(method: string, mode: string, url: URL, origin: string): Route {
  if (method !== "GET" || url.origin !== origin) return "network";
  if (mode === "navigate") return PAGES.test(url.pathname) ? "page" : "network";
  if (url.pathname.startsWith("/assets/")) return "asset";
  return ROOT_FILES.includes(url.pathname) ? "file" : "network";
}
