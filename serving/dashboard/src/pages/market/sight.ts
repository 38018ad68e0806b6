// Which rows of a long list are in sight, or nearly: the others show their name and ask for nothing.

import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

const NEAR = "300px 0px";

/** Whether the element is near what is in sight of the list (`[data-rows]`) that it scrolls in. */
export function useNear(element: RefObject<HTMLElement | null>): boolean {
  const [near, tell] = useState(false);
  useEffect(() => {
    const found = element.current;
    if (found === null) return;
    const root = found.closest("[data-rows]");
    const observer = new IntersectionObserver((entries) => tell(entries.at(-1)?.isIntersecting ?? false), {
      root,
      rootMargin: NEAR,
    });
    observer.observe(found);
    return () => observer.disconnect();
  }, [element]);
  return near;
}
