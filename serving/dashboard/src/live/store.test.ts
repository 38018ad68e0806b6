import { effect } from "@preact/signals";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { EngineStatus } from "../api/types";
import { alert, price, RELEASE, signal, snapshot } from "../stream/testing/frames";
import type { ConnectionState } from "../stream/updates";
import type { Known } from "./store";

type Store = typeof import("./store");

const START = 1_800_000_000_000;

let store: Store;
let frames: (() => void)[];

// The store is one for a page; each test opens a page of its own.
beforeEach(async () => {
  vi.useFakeTimers({ now: START, toFake: ["Date"] });
  frames = [];
  vi.stubGlobal("document", { visibilityState: "visible" });
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => frames.push(run));
  vi.resetModules();
  store = await import("./store");
  return () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  };
});

function frame(): void {
  for (const run of frames.splice(0)) run();
}

function tell(...messages: Extract<Parameters<Store["take"]>[0], { kind: "messages" }>["messages"]): void {
  store.take({ kind: "messages", messages });
}

function tellSnapshot(...args: Parameters<typeof snapshot>): void {
  store.take({ kind: "snapshot", snapshot: snapshot(...args) });
}

function connectionIs(state: ConnectionState, since: number): void {
  store.take({ kind: "connection", connection: { state, reason: "", since, retryAt: null } });
}

describe("ticks", () => {
  test("are shown at the next frame, with our clock when they came", () => {
    tell(price(1));
    const before = store.priceOf("AAPL").value;
    frame();

    expect(before).toBeNull();
    expect(store.priceOf("AAPL").value).toEqual({ message: price(1), at: START });
  });

  test("redraw their own ticker once a frame, and no other", () => {
    const drawn = { AAPL: 0, IBM: 0 };
    effect(() => {
      store.priceOf("AAPL").value;
      drawn.AAPL += 1;
    });
    effect(() => {
      store.priceOf("IBM").value;
      drawn.IBM += 1;
    });
    for (let k = 1; k <= 100; k += 1) tell(price(k));
    frame();

    expect(drawn).toEqual({ AAPL: 2, IBM: 1 });
    expect(store.priceOf("AAPL").value?.message.price).toBe(100);
  });

  test("of a ticker's price, prediction and signal don't replace each other", () => {
    tell(price(1), signal(2));
    frame();

    expect(store.priceOf("AAPL").value?.message).toEqual(price(1));
    expect(store.signalOf("AAPL").value?.message).toEqual(signal(2));
  });
});

describe("a snapshot", () => {
  test("is all there is: what it leaves out is known no longer", () => {
    tell(price(1), price(2, "IBM"));
    frame();
    tellSnapshot(3, [price(5, "IBM")], { release_id: "second" });

    expect(store.priceOf("AAPL").value).toBeNull();
    expect(store.priceOf("IBM").value?.message.price).toBe(5);
    expect(store.releaseId.value).toBe("second");
  });

  test("is not overtaken by a tick from before it that waits for a frame", () => {
    tell(price(1));
    tellSnapshot(3, [price(5)]);
    frame();

    expect(store.priceOf("AAPL").value?.message.price).toBe(5);
  });
});

describe("alerts", () => {
  test("stand while they are active, the newest first, one of a kind and subject", () => {
    const other = { ...alert("no prediction of IBM"), kind: "no_prediction", subject: "IBM" } as const;
    tell(alert("silent"), other);
    frame();
    tell(alert("silent for longer"));
    frame();
    const during = store.alerts.value;
    tell(alert("", false));
    frame();

    expect(during).toEqual([alert("silent for longer"), other]);
    expect(store.alerts.value).toEqual([other]);
  });
});

describe("news", () => {
  test("is kept newest first, and not without end", () => {
    for (let id = 1; id <= 300; id += 1) store.take({ kind: "news", news: [signal(id)] });
    store.take({ kind: "news", news: [signal(301), signal(302)] });

    const rows = store.news.value.map(({ message }) => (message.type === "signal" ? message.audit_id : null));
    expect(rows.slice(0, 3)).toEqual([302, 301, 300]);
    expect(rows).toHaveLength(200);
  });

  test("that may be missing is said", () => {
    store.take({ kind: "gap", reason: "the engine has begun a new run" });

    expect(store.gap.value).toBe("the engine has begun a new run");
  });
});

describe("a connection that is not live", () => {
  test("is so since it was lost, whatever it has tried meanwhile", () => {
    connectionIs("live", START + 1_000);
    const live = store.notLiveSince.value;
    connectionIs("waiting", START + 5_000);
    connectionIs("connecting", START + 6_000);
    connectionIs("waiting", START + 9_000);

    expect(live).toBeNull();
    expect(store.notLiveSince.value).toBe(START + 5_000);
  });

  test("is so from the start, and when there is no news", () => {
    const first = store.notLiveSince.value;
    connectionIs("live", START + 1_000);
    connectionIs("stale", START + 2_000);

    expect([first, store.notLiveSince.value]).toEqual([START, START + 2_000]);
  });
});

describe("what is kept for a start without the server", () => {
  const status: EngineStatus = {
    type: "status",
    feed: "live",
    at: "2026-11-23T15:04:05Z",
    release_id: RELEASE,
    detail: "",
    figures: null,
  };

  async function keptByAnEarlierVisit(): Promise<Known> {
    tellSnapshot(3, [price(1), signal(2), alert("silent")], { status });
    const kept = JSON.parse(JSON.stringify(store.known()));
    vi.resetModules();
    store = await import("./store");
    vi.setSystemTime(START + 3_600_000);
    return kept;
  }

  test("is nothing before anything was told", () => {
    expect(store.known()).toBeNull();
  });

  test("is all that was shown, a tick that waits for a frame included", () => {
    tellSnapshot(3, [price(1)]);
    tell(price(2));

    expect(store.known()?.prices).toEqual([{ message: price(2), at: START }]);
  });

  test("is shown again with the times at which it was told, and marked as old", async () => {
    const kept = await keptByAnEarlierVisit();
    store.restore(kept);

    expect(store.priceOf("AAPL").value).toEqual({ message: price(1), at: START });
    expect(store.signalOf("AAPL").value?.message).toEqual(signal(2));
    expect(store.alerts.value).toEqual([alert("silent")]);
    expect(store.engineStatus.value?.message).toEqual(status);
    expect([store.releaseId.value, store.heardAt.value, store.restored.value]).toEqual([RELEASE, START, true]);
  });

  test("gives way to the first snapshot", async () => {
    const kept = await keptByAnEarlierVisit();
    store.restore(kept);
    tellSnapshot(9, [price(7)]);

    expect(store.restored.value).toBe(false);
    expect(store.priceOf("AAPL").value?.message.price).toBe(7);
    expect(store.signalOf("AAPL").value).toBeNull();
  });

  test("never takes the place of what was told to this page", async () => {
    const kept = await keptByAnEarlierVisit();
    tellSnapshot(9, [price(7)]);
    store.restore(kept);

    expect(store.priceOf("AAPL").value?.message.price).toBe(7);
    expect(store.restored.value).toBe(false);
  });
});
