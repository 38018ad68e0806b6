import { expect, test, vi } from "vitest";
import { get, getText, post, RequestFailed } from "./rest";

const PATH = "/v1/signals";

function answering(make: () => Response): void {
  vi.stubGlobal("fetch", async () => make());
}

function brokenOff(headers: HeadersInit, status = 200): Response {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"signals": ['));
      controller.error(new TypeError("network error"));
    },
  });
  return new Response(body, { status, headers });
}

async function failureOf(asking: Promise<unknown>): Promise<RequestFailed> {
  const error = await asking.catch((caught: unknown) => caught);
  if (!(error instanceof RequestFailed)) throw new Error(`expected a RequestFailed, got ${error}`);
  return error;
}

test.each([
  ["get", () => get(PATH)],
  ["getText", () => getText(PATH)],
  ["post", () => post(PATH, {})],
])("%s: an answer that breaks off is none", async (_name, ask) => {
  answering(() => brokenOff({ "content-type": "application/json" }));

  expect((await failureOf(ask())).unreachable).toBe(true);
});

test("a page of whatever stands before the server is no answer of the server's", async () => {
  answering(() => new Response("<!doctype html><title>Sign in to the network</title>"));

  expect((await failureOf(get(PATH))).unreachable).toBe(true);
});

test("a refusal whose reason breaks off is still a refusal", async () => {
  answering(() => brokenOff({ "content-type": "application/problem+json" }, 503));
  const { status, problem } = await failureOf(get(PATH));

  expect([status, problem]).toEqual([503, null]);
});

test("who gives up asking is told nothing of the server", async () => {
  const leaving = new AbortController();
  answering(() => {
    leaving.abort();
    return brokenOff({ "content-type": "application/json" });
  });

  await expect(get(PATH, leaving.signal)).rejects.not.toBeInstanceOf(RequestFailed);
});

test("an answer has the age that the server tells; none if it tells none", async () => {
  answering(() => Response.json([], { headers: { "x-data-age": "42" } }));
  const aged = await get(PATH);
  answering(() => Response.json([]));
  const ageless = await get(PATH);

  expect([aged.ageSeconds, ageless.ageSeconds]).toEqual([42, null]);
});
