// Asking again and again, while somebody looks.

import { useEffect } from "preact/hooks";

/** Run `task` every `everyMs`, at once when the page comes back into sight, and never while it is hidden. */
export function usePolling(task: () => void, everyMs: number): void {
  useEffect(() => {
    const visible = () => document.visibilityState === "visible";
    const timer = setInterval(() => visible() && task(), everyMs);
    const seen = () => visible() && task();
    document.addEventListener("visibilitychange", seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [task, everyMs]);
}
