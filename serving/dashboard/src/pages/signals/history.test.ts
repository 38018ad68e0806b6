import { expect, test } from "vitest";
import type { SignalHistory } from "../../api/types";
import { type History, loadHistory } from "./history";
import { row } from "./rows.testing";

const page = (release_id: string, sessions: readonly string[], next: string | null): SignalHistory => ({
  ticker: "AAPL",
  release_id,
  signals: sessions.map((session) => row({ session })),
  next,
});

/** A server that answers with these pages, one after the other, and remembers what it was asked for. */
function server(pages: readonly SignalHistory[]) {
  const asked: string[] = [];
  const left = [...pages];
  const get = async (path: string) => {
    asked.push(path);
    const data = left.shift();
    if (data === undefined) throw new Error("asked for more pages than there are");
    return { data };
  };
  return { asked, get };
}

async function all(history: AsyncGenerator<History>): Promise<History[]> {
  const told = [];
  for await (const state of history) told.push(state);
  return told;
}

const sessions = (history: History | undefined) => history?.rows.map((one) => one.session);

test("pages are asked for until there are no more, and told as they come", async () => {
  const { asked, get } = server([page("r1", ["d4", "d3"], "d3"), page("r1", ["d2", "d1"], null)]);

  const told = await all(loadHistory("AAPL", get));

  expect(told.map((state) => [sessions(state)?.length, state.complete])).toEqual([
    [2, false],
    [4, true],
  ]);
  expect(sessions(told.at(-1))).toEqual(["d4", "d3", "d2", "d1"]);
  expect(asked).toEqual(["/v1/signals/AAPL/history?limit=1000", "/v1/signals/AAPL/history?limit=1000&cursor=d3"]);
});

test("another release in between begins it anew", async () => {
  const { asked, get } = server([
    page("r1", ["d2"], "d2"),
    page("r2", ["d1"], null),
    page("r2", ["d3", "d2"], "d2"),
    page("r2", ["d1"], null),
  ]);

  const told = await all(loadHistory("AAPL", get));

  expect(asked[2]).toBe("/v1/signals/AAPL/history?limit=1000");
  expect(told.at(-1)).toMatchObject({ release: "r2", complete: true });
  expect(sessions(told.at(-1))).toEqual(["d3", "d2", "d1"]);
});

test("a server whose pages never end is not followed for ever", async () => {
  const get = async () => ({ data: page("r1", ["d1"], "d1") });

  await expect(all(loadHistory("AAPL", get))).rejects.toThrow("expected at most 100 pages");
});
