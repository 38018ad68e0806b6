// How long to wait before another try at a server that was not there.

const FIRST_MS = 100;
const LONGEST_MS = 2_000;

/** Anything up to a bound that doubles with each failure ("full jitter"), so that many pages don't come back at once. */
export class Backoff {
  private bound = FIRST_MS;

  constructor(private readonly random: () => number) {}

  /** The next wait. */
  next(): number {
    const wait = this.random() * this.bound;
    this.bound = Math.min(2 * this.bound, LONGEST_MS);
    return wait;
  }

  /** It went well: start small again. */
  reset(): void {
    this.bound = FIRST_MS;
  }
}
