import { beforeEach, describe, expect, test, vi } from "vitest";
import { snapshot } from "../stream/testing/frames";
import type { Connection } from "../stream/updates";
import type { Keeper } from "./resource";
import type { Answer } from "./rest";

type Module = typeof import("./resource");
type StoreModule = typeof import("../live/store");

const PATH = "/v1/signals";
const OLD: Answer<unknown> = { data: "of an earlier visit", ageSeconds: 5, receivedAt: 1_800_000_000_000 };

let resources: Module;
let store: StoreModule;
let shelf: Map<string, Answer<unknown>>;
let answers: (() => Promise<Response>)[];
let asked: number;

// One for a page; each test opens a page of its own.
beforeEach(async () => {
  vi.resetModules();
  [resources, store] = await Promise.all([import("./resource"), import("../live/store")]);
  shelf = new Map();
  const keeper: Keeper = {
    find: async (path) => shelf.get(path) ?? null,
    keep: (path, answer) => shelf.set(path, answer),
  };
  resources.keepAnswersIn(keeper);
  answers = [];
  asked = 0;
  vi.stubGlobal("fetch", () => {
    asked += 1;
    return (answers.shift() ?? away)();
  });
  return () => vi.unstubAllGlobals();
});

const away = () => Promise.reject(new TypeError("Failed to fetch"));
const refusing = (status: number, type: string) => async () => {
  const headers = { "content-type": "application/problem+json" };
  return new Response(JSON.stringify({ type, title: "", status, detail: "no release yet" }), { status, headers });
};
const answering = (data: unknown) => async () => Response.json(data);

function connectionIs(state: Connection["state"]): void {
  store.take({ kind: "connection", connection: { state, reason: "", since: 1, retryAt: null } });
}

async function settled() {
  const cell = resources.resourceOf(PATH);
  await vi.waitFor(() => expect(cell.peek().loading).toBe(false));
  return cell.peek();
}

describe("an answer", () => {
  test("is kept for a visit without the server", async () => {
    answers.push(answering("new"));
    const { answer } = await settled();

    expect(shelf.get(PATH)).toEqual(answer);
  });

  test("of an earlier visit stands in, with its age, where no server can be reached", async () => {
    shelf.set(PATH, OLD);

    expect((await settled()).answer).toEqual(OLD);
  });

  test("of an earlier visit doesn't stand in where the server itself says that there is none", async () => {
    shelf.set(PATH, OLD);
    answers.push(refusing(503, "/problems/not-ready"));
    const { answer, error } = await settled();

    expect(answer).toBeNull();
    expect(error?.notReady).toBe(true);
  });
});

describe("a server that can't be reached", () => {
  test("is an error where there is nothing to show", async () => {
    expect((await settled()).error?.unreachable).toBe(true);
  });

  test("is said by the page, once for all, where old numbers are shown", async () => {
    shelf.set(PATH, OLD);

    expect((await settled()).error).toBeNull();
  });

  test("is an error beside old numbers too while the page says that it is live", async () => {
    shelf.set(PATH, OLD);
    connectionIs("live");

    expect((await settled()).error?.unreachable).toBe(true);
  });

  test("is asked again when it is back, and only for what it was asked in vain", async () => {
    shelf.set(PATH, OLD);
    await settled();
    answers.push(answering("new"));
    resources.reloadFailed();
    const { answer, error } = await settled();
    resources.reloadFailed();

    expect([answer?.data, error, asked]).toEqual(["new", null, 2]);
  });
});

/** An answer that comes when the test says so. */
function later() {
  let resolve: (response: Response) => void = () => undefined;
  const promise = new Promise<Response>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe("answers that overtake each other", () => {
  test("the one to the later question holds", async () => {
    const first = later();
    const second = later();
    answers.push(
      () => first.promise,
      () => second.promise,
    );
    const cell = resources.resourceOf(PATH);
    store.take({ kind: "snapshot", snapshot: snapshot(1, [], { release_id: "before" }) });
    const stop = resources.followRelease();
    store.take({ kind: "snapshot", snapshot: snapshot(2, [], { release_id: "after" }) });

    second.resolve(Response.json("of the release in force"));
    await vi.waitFor(() => expect(cell.peek().answer?.data).toBe("of the release in force"));
    first.resolve(Response.json("of the release before"));
    await vi.waitFor(() => expect(asked).toBe(2));
    await new Promise((resolve) => setTimeout(resolve));
    stop();

    expect(cell.peek()).toMatchObject({ answer: { data: "of the release in force" }, error: null, loading: false });
  });
});

describe("what is kept in memory", () => {
  // Looked at as often as that: they are many.
  const EACH_MS = { interval: 1 };
  const paths = Array.from({ length: 90 }, (_, k) => `/v1/models/T${k}`);

  async function ask(path: string): Promise<void> {
    answers.push(answering(path));
    const cell = resources.resourceOf(path);
    await vi.waitFor(() => expect(cell.peek().loading).toBe(false), EACH_MS);
  }

  test("is what was asked for last", async () => {
    for (const path of paths) await ask(path);
    const before = asked;
    await ask(paths.at(-1) ?? "");
    const again = asked;
    await ask(paths[0] ?? "");

    expect([again - before, asked - again]).toEqual([0, 1]);
  });

  test("is everything that is shown, however much it is", async () => {
    const stops = paths.map((path) => {
      answers.push(answering(path));
      return resources.resourceOf(path).subscribe(() => undefined);
    });
    for (const path of paths)
      await vi.waitFor(() => expect(resources.resourceOf(path).peek().loading).toBe(false), EACH_MS);
    for (const path of paths) resources.resourceOf(path);
    for (const stop of stops) stop();

    expect(asked).toBe(paths.length);
  });
});
