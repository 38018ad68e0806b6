// Sockets that end, servers that misbehave: what the page is told, and what it recovers from by itself.

import { beforeEach, describe, expect, test } from "vitest";
import type { Frame } from "../api/types";
import { LIMITS, openStream, type Stream } from "./connection";
import { alert, closing, delta, hello, price, refused, signal, snapshot, stale } from "./testing/frames";
import { type FakeSocket, World } from "./testing/world";
import type { Connection, Update } from "./updates";

let world: World;
let updates: Update[];
let stream: Stream;

beforeEach(() => {
  open();
});

function open(wanted: { tickers?: string[]; channels?: ("signals" | "prices")[] } = {}): void {
  world = new World();
  updates = [];
  stream = openStream({
    url: "ws://server/v1/stream",
    surroundings: world,
    listener: (update) => updates.push(update),
    ...wanted,
  });
}

/** The server answers, says hello, and then these. */
function greeted(frames: Frame[] = [snapshot(0)], more: Parameters<typeof hello>[0] = {}): FakeSocket {
  const { socket } = world;
  socket.opens();
  socket.says(hello(more), ...frames);
  return socket;
}

function connection(): Connection {
  const told = updates.filter((update) => update.kind === "connection").at(-1);
  if (told === undefined) throw new Error("connection: expected to be told of it, was not");
  return told.connection;
}

function kinds(): string[] {
  return updates.map(({ kind }) => kind).filter((kind) => kind !== "connection");
}

function auditIds(): (number | null)[] {
  return updates
    .flatMap((update) => (update.kind === "news" ? update.news : []))
    .flatMap((message) => (message.type === "signal" ? [message.audit_id] : []));
}

function pauseMs(): number {
  return (connection().retryAt ?? Number.NaN) - world.now();
}

describe("a server in order", () => {
  test("is asked for everything, and first tells all there is", () => {
    const socket = greeted([snapshot(3, [signal(1)]), delta(3, 4, signal(2), price(4))]);

    expect(socket.subscriptions).toEqual([{ type: "subscribe", tickers: null, channels: null, resume: null }]);
    expect(kinds()).toEqual(["snapshot", "messages", "news"]);
    expect(auditIds()).toEqual([2]);
    expect(connection()).toMatchObject({ state: "live", reason: "", retryAt: null });
  });

  test("is asked for what is wanted", () => {
    open({ tickers: ["AAPL"], channels: ["signals"] });

    expect(greeted().subscriptions).toMatchObject([{ tickers: ["AAPL"], channels: ["signals"] }]);
  });

  test("is connecting until it has answered the subscription", () => {
    const before = connection();
    greeted([]);

    expect([before.state, connection().state]).toEqual(["connecting", "connecting"]);
  });

  test("may have alerts of its own, which have no number", () => {
    greeted([snapshot(3), delta(3, 3, alert("a release was refused")), delta(3, 4, price(4))]);

    expect(kinds()).toEqual(["snapshot", "messages", "news", "messages"]);
    expect(world.sockets).toHaveLength(1);
  });

  test("may say a signal again, which is news once", () => {
    greeted([
      snapshot(0),
      delta(0, 1, signal(1)),
      delta(1, 2, signal(2)),
      delta(2, 3, signal(2)),
      delta(3, 4, signal(1)),
    ]);

    expect(auditIds()).toEqual([1, 2]);
  });

  test("may have no news, which is said until a snapshot ends it", () => {
    const socket = greeted([snapshot(0), stale("Valkey does not answer")]);
    const during = connection();
    socket.says(snapshot(0));

    expect(during).toMatchObject({ state: "stale", reason: "Valkey does not answer" });
    expect(connection().state).toBe("live");
  });

  test("may have had none for long, which is since when what it tells is out of date", () => {
    const since = new Date(world.now() - 60_000).toISOString();
    greeted([snapshot(0), stale("Valkey does not answer", 0, since)]);

    expect(connection().since).toBe(world.now() - 60_000);
  });

  test("may have a clock ahead of ours: nothing began in the future", () => {
    greeted([snapshot(0), stale("Valkey does not answer", 0, new Date(world.now() + 60_000).toISOString())]);

    expect(connection().since).toBe(world.now());
  });

  test("tells the same state once, however much it sends", () => {
    greeted([snapshot(0), delta(0, 1, price(1)), delta(1, 2, price(2))]);

    const states = updates.flatMap((update) => (update.kind === "connection" ? [update.connection.state] : []));
    expect(states).toEqual(["connecting", "live"]);
  });
});

describe("a connection that ends", () => {
  test("is followed by one that resumes, and nothing was missed", () => {
    greeted([snapshot(0), delta(0, 1, signal(1))]).closes();
    const lost = connection();
    world.passes(100);
    const second = greeted([delta(1, 9, signal(2), price(9))], { seq: 9 });

    expect(lost.state).toBe("waiting");
    expect(second.subscriptions).toMatchObject([
      { resume: { epoch: "e1", last_seq: 1, release_id: hello().release_id } },
    ]);
    expect(kinds()).toEqual(["snapshot", "messages", "news", "resumed", "messages", "news"]);
    expect(auditIds()).toEqual([1, 2]);
    expect(connection().state).toBe("live");
  });

  test("costs nothing where nothing happened meanwhile", () => {
    greeted([snapshot(5)]).closes();
    world.passes(100);
    greeted([delta(5, 5)], { seq: 5 });

    expect(kinds()).toEqual(["snapshot", "resumed"]);
    expect(connection().state).toBe("live");
  });

  test("is a gap where the server has only a part of what was missed", () => {
    greeted([snapshot(0, [signal(1), signal(11, "IBM")])]).closes();
    world.passes(100);
    greeted([snapshot(9_000, [signal(5), signal(11, "IBM")])], { seq: 9_000 });

    expect(kinds()).toEqual(["snapshot", "gap", "snapshot", "news"]);
    expect(auditIds()).toEqual([5]);
  });

  test.each([
    ["says so at once", "e2"],
    ["says so when it is asked", "e1"],
  ])("is a gap where the engine's run is another one and the server %s", (_, epoch) => {
    greeted([snapshot(0), delta(0, 4, signal(1))]).closes();
    world.passes(100);
    const second = greeted([], { epoch, seq: 2 });
    if (epoch === "e1") second.says(refused("unknown_epoch"));
    second.says(snapshot(2, [signal(2)], { epoch: "e2" }), delta(2, 3, price(3)));

    expect(kinds()).toEqual(["snapshot", "messages", "news", "gap", "snapshot", "news", "messages"]);
    expect(auditIds()).toEqual([1, 2]);
    expect(connection().state).toBe("live");
  });

  test("is no gap where another release has come into force meanwhile", () => {
    greeted([snapshot(0), delta(0, 1, signal(1))]).closes();
    world.passes(100);
    greeted([delta(1, 6, signal(2)), snapshot(6, [signal(2)], { release_id: "second" })], {
      seq: 6,
      release_id: "second",
    });

    expect(kinds().slice(3)).toEqual(["resumed", "messages", "news", "snapshot"]);
    expect(auditIds()).toEqual([1, 2]);
  });

  test("leads to a server that is behind, which is left until one has caught up", () => {
    greeted([snapshot(0), delta(0, 40, signal(4))]).closes();
    world.passes(100);
    const behind = greeted([refused("unknown_epoch"), snapshot(30, [signal(3)])], { seq: 30 });
    const reason = connection().reason;
    world.passes(200);
    greeted([delta(40, 50, signal(5))], { seq: 50 });

    expect(behind.dropped).toBe(true);
    expect(reason).toContain("behind");
    expect(kinds()).toEqual(["snapshot", "messages", "news", "resumed", "messages", "news"]);
    expect(auditIds()).toEqual([4, 5]);
  });

  test("leads to a gateway that has not found the engine yet, which costs nothing", () => {
    greeted([snapshot(0), delta(0, 4, signal(1))]).closes();
    world.passes(100);
    const second = greeted([snapshot(0, [signal(null)], { epoch: null }), snapshot(6, [signal(3)])], { epoch: null });
    second.says(delta(4, 7, signal(2), signal(3), price(7)));

    expect(second.subscriptions.map(({ resume }) => resume?.last_seq)).toEqual([undefined, 4]);
    expect(auditIds()).toEqual([1, 2, 3]);
    expect(kinds()).not.toContain("gap");
  });

  test("is not resumed from what a gateway without the engine has told", () => {
    greeted([snapshot(0, [price(1, "IBM")]), delta(0, 4, signal(1))]).closes();
    world.passes(100);
    greeted([snapshot(0, [], { epoch: null })], { epoch: null }).closes();
    world.passes(200);
    const third = greeted([snapshot(6, [price(1, "IBM"), signal(2)])], { seq: 6 });
    third.says(delta(4, 7, signal(2), price(7)));

    expect(third.subscriptions.map(({ resume }) => resume?.last_seq)).toEqual([undefined, 4]);
    expect(auditIds()).toEqual([1, 2]);
    expect(kinds()).not.toContain("gap");
  });
});

describe("a chain that breaks", () => {
  test("is mended on the same connection, and nothing is lost", () => {
    const socket = greeted([snapshot(0), delta(0, 1, signal(1)), delta(2, 3, signal(3)), delta(3, 4, price(4))]);
    socket.says(delta(1, 4, signal(2), signal(3), price(4)), delta(4, 5, price(5)));

    expect(socket.subscriptions.map(({ resume }) => resume?.last_seq)).toEqual([undefined, 1]);
    expect(auditIds()).toEqual([1, 2, 3]);
    expect(world.sockets).toHaveLength(1);
  });

  test("again and again is left", () => {
    const socket = greeted();
    for (let k = 0; k < 4; k += 1) socket.says(delta(7, 8, price(1)), delta(0, 0));

    expect(socket.dropped).toBe(true);
    expect(connection()).toMatchObject({ state: "waiting", reason: expect.stringContaining("expected 0") });
  });

  test("by a snapshot that leaps ahead: it is shown, and what lay between is asked for", () => {
    const socket = greeted([snapshot(0), delta(0, 1, signal(1)), snapshot(5, [signal(3), price(5)])]);
    socket.says(delta(1, 6, signal(2), signal(3), price(6)));

    expect(socket.subscriptions.at(-1)?.resume?.last_seq).toBe(1);
    expect(kinds().slice(-4)).toEqual(["snapshot", "resumed", "messages", "news"]);
    expect(auditIds()).toEqual([1, 2, 3]);
  });

  test("by releases one after the other while it resumes, which are no gap", () => {
    const socket = greeted([
      snapshot(0),
      snapshot(5, [], { release_id: "second" }),
      snapshot(6, [], { release_id: "third" }),
    ]);
    socket.says(delta(0, 7, signal(2)));

    expect(kinds()).toEqual(["snapshot", "snapshot", "snapshot", "resumed", "messages", "news"]);
    expect(auditIds()).toEqual([2]);
  });

  test("does not swallow what the server itself has to say meanwhile", () => {
    const socket = greeted([snapshot(0), delta(2, 3, signal(3)), delta(3, 3, alert("a release was refused"))]);
    socket.says(delta(0, 3, signal(2), signal(3)));

    expect(updates.filter(({ kind }) => kind === "news")).toEqual([
      { kind: "news", news: [alert("a release was refused")] },
      { kind: "news", news: [signal(2), signal(3)] },
    ]);
  });
});

describe("silence", () => {
  test("is asked about, and a server that answers stays", () => {
    const socket = greeted();
    for (let k = 0; k < 20; k += 1) {
      world.passes(LIMITS.quiet);
      socket.says({ type: "pong", seq: 0, id: null });
    }

    expect(socket.pings).toBe(20);
    expect(connection().state).toBe("live");
    expect(world.sockets).toHaveLength(1);
  });

  test("after that is a server that has gone", () => {
    const socket = greeted();
    world.passes(LIMITS.quiet + LIMITS.pong);

    expect(socket.dropped).toBe(true);
    expect(connection()).toMatchObject({ state: "waiting", reason: "The server has fallen silent." });
  });

  const WAITS: readonly (readonly [string, number, () => void])[] = [
    ["before the socket opens", LIMITS.connect, () => undefined],
    ["before hello", LIMITS.greeting, () => world.socket.opens()],
    ["instead of an answer", LIMITS.answer, () => greeted([])],
  ];

  test.each(WAITS)("%s is waited for so long and no longer", (_, limit, arrive) => {
    arrive();
    world.passes(limit - 1);
    const before = world.socket.dropped;
    world.passes(1);

    expect([before, connection().state]).toEqual([false, "waiting"]);
  });

  test("while this device slept is asked about once more before the server is left", () => {
    const socket = greeted();
    world.passes(LIMITS.quiet);
    world.sleeps(3_600_000);
    const afterSleep = socket.dropped;
    world.passes(LIMITS.pong);

    expect([afterSleep, socket.pings, socket.dropped]).toEqual([false, 2, true]);
  });
});

describe("the pause before the next try", () => {
  test("is random up to a bound that doubles from 0.1 to 2 s", () => {
    const pauses: number[] = [];
    for (let k = 0; k < 7; k += 1) {
      world.socket.closes();
      pauses.push(pauseMs());
      world.passes(pauseMs());
    }
    world.chances.push(0.25);
    world.socket.closes();

    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000]);
    expect(pauseMs()).toBe(500);
  });

  test("is short again after a connection that lasted", () => {
    for (let k = 0; k < 5; k += 1) {
      world.socket.closes();
      world.passes(pauseMs());
    }
    const socket = greeted();
    world.passes(LIMITS.quiet);
    socket.says(delta(0, 1, price(1)));
    world.passes(LIMITS.quiet);
    socket.closes();

    expect(pauseMs()).toBe(100);
  });

  test("is what a server that restarts advises", () => {
    greeted([snapshot(0), closing(1012, 0.74, "restart")]);

    expect(connection()).toMatchObject({ state: "waiting", reason: "The server restarts." });
    expect(pauseMs()).toBe(740);
  });

  test.each([
    [1e9, 60_000],
    [-5, 100],
  ])("is bounded whatever is advised (%d s)", (advice, expected) => {
    greeted([snapshot(0), closing(1012, advice)]);

    expect(pauseMs()).toBe(expected);
  });

  test("ends when the network is back or somebody looks again", () => {
    world.socket.closes();
    world.wakes();
    world.passes(0);

    expect(world.sockets).toHaveLength(2);
  });

  test("does not end before the server's advice, whoever looks", () => {
    greeted([snapshot(0), closing(1012, 5)]);
    world.wakes();
    world.passes(4_999);
    const before = world.sockets.length;
    world.passes(1);

    expect([before, world.sockets.length]).toEqual([1, 2]);
  });

  test("ends when a person asks for it", () => {
    greeted([snapshot(0), closing(1012, 30)]);
    stream.reconnect();

    expect(world.sockets).toHaveLength(2);
  });

  test("names the device where it is the one without a network", () => {
    world.online = false;
    greeted().closes();

    expect(connection().reason).toBe("This device is offline.");
  });
});

test("somebody who looks again has the server asked at once whether it is there", () => {
  const socket = greeted();
  world.wakes();
  const asked = socket.pings;
  world.passes(LIMITS.pong);

  expect([asked, socket.dropped]).toEqual([1, true]);
});

describe("what can't be mended", () => {
  test.each([1, 3])("protocol %d: the page says to reload, and does not come back", (protocol) => {
    world.socket.opens();
    world.socket.says(hello({ protocol }));
    world.passes(3_600_000);

    expect(connection().state).toBe("ended");
    expect(connection().reason).toMatch(/^Reload the page/);
    expect(world.sockets).toHaveLength(1);
  });

  test.each([1003, 1008, 1009, 4029])("close %d, announced or not, is the end", (code) => {
    for (const announces of [true, false]) {
      open();
      const socket = greeted();
      if (announces) socket.says(closing(code, 0, "asked too often"));
      else socket.closes(code, "asked too often");
      world.passes(3_600_000);

      expect(connection()).toMatchObject({ state: "ended", retryAt: null });
      expect(connection().reason).toContain(`${code}: asked too often`);
      expect(world.sockets).toHaveLength(1);
    }
  });

  test("a subscription that is refused ends it by what was expected", () => {
    open({ tickers: ["NOPE"] });
    greeted([refused("unknown_ticker", "tickers: expected some of IBM, got NOPE")]);

    expect(connection()).toMatchObject({ state: "ended", reason: expect.stringContaining("expected some of IBM") });
  });

  test("is tried again when a person asks for it", () => {
    greeted().closes(4029);
    stream.reconnect();
    greeted([delta(0, 1, price(1))], { seq: 1 });

    expect(connection().state).toBe("live");
  });
});

describe("what another connection mends", () => {
  test.each([1000, 1006, 1011, 1012, 1013, 4000, 4008])("close %d", (code) => {
    greeted().closes(code);
    world.passes(100);

    expect(world.sockets).toHaveLength(2);
  });

  test("a frame that no server of any version sends", () => {
    greeted().saysRaw("{");
    world.passes(100);

    expect(world.sockets).toHaveLength(2);
  });

  test("a server that begins with something other than hello", () => {
    world.socket.opens();
    world.socket.says(snapshot(0));
    world.passes(100);

    expect(world.sockets).toHaveLength(2);
  });

  test("a resume that came too fast for the server: it was not the viewer's asking", () => {
    const socket = greeted([snapshot(0), delta(2, 3, price(3))]);
    socket.says(refused("too_fast", "expected 5 requests a second at most"));
    world.passes(100);

    expect(world.sockets).toHaveLength(2);
  });

  test("a server without a release, for who wants certain tickers", () => {
    open({ tickers: ["AAPL"] });
    greeted([], { release_id: null });

    expect(connection()).toMatchObject({ state: "waiting", reason: "The server has no release yet." });
  });
});

test("a warning about a ping is nobody's concern", () => {
  greeted([snapshot(0), refused("too_fast")]);

  expect(connection().state).toBe("live");
});

test("who closes is told nothing more, and nothing goes on", () => {
  const socket = greeted();
  stream.close();
  const told = updates.length;
  world.wakes();
  world.passes(3_600_000);

  expect([socket.dropped, world.waiting, world.listeners, updates.length - told]).toEqual([true, 0, 0, 0]);
  expect(connection().state).toBe("ended");
});
