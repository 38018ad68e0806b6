import { beforeEach, describe, expect, test, vi } from "vitest";
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
