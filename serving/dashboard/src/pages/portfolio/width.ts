// How wide an element is, for what is drawn to fit it.

import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** A reference to put on an element, and its width in pixels; 0 before it is known. */
export function useWidth<E extends HTMLElement>(): readonly [RefObject<E | null>, number] {
  const element = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const found = element.current;
    if (found === null) return;
    const measure = () => setWidth(Math.floor(found.clientWidth));
    measure();
    const watching = new ResizeObserver(measure);
    watching.observe(found);
    return () => watching.disconnect();
  }, []);
  return [element, width];
}
