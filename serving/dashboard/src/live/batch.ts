// One drawing an animation frame: what comes between two frames is collected, the newest of each kind wins.

/** Collects values by key until the next frame, then hands all of them over at once. */
export class FrameBatch<K, V> {
  private readonly waiting = new Map<K, V>();
  private scheduled = false;

  /**
   * @param flush takes what has come, in the order of the keys' first coming.
   * @param schedule runs a function at the next frame; a page that is hidden has no frames, see `nextFrame`.
   */
  constructor(
    private readonly flush: (values: ReadonlyMap<K, V>) => void,
    private readonly schedule: (run: () => void) => void = nextFrame,
  ) {}

  put(key: K, value: V): void {
    this.waiting.set(key, value);
    if (this.scheduled) return;
    this.scheduled = true;
    this.schedule(() => this.now());
  }

  /** Hand over at once what waits. */
  now(): void {
    this.scheduled = false;
    if (this.waiting.size === 0) return;
    const values = new Map(this.waiting);
    this.waiting.clear();
    this.flush(values);
  }
}

const HIDDEN_MS = 1_000;

/** At the next animation frame; a hidden page has none and is served once a second. */
export function nextFrame(run: () => void): void {
  if (document.visibilityState === "hidden") setTimeout(run, HIDDEN_MS);
  else requestAnimationFrame(run);
}
