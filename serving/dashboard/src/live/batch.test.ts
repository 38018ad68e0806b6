import { expect, test } from "vitest";
import { FrameBatch } from "./batch";

/** A batch whose frames come when the test says so. */
function batched() {
  const frames: (() => void)[] = [];
  const flushed: [string, number][][] = [];
  const batch = new FrameBatch<string, number>(
    (values) => flushed.push([...values]),
    (run) => frames.push(run),
  );
  const frame = () => {
    for (const run of frames.splice(0)) run();
  };
  return { batch, frames, flushed, frame };
}

test("what comes between two frames is handed over at once, the newest of each key", () => {
  const { batch, flushed, frame } = batched();
  batch.put("AAPL", 1);
  batch.put("IBM", 2);
  batch.put("AAPL", 3);
  const before = flushed.length;
  frame();

  expect(before).toBe(0);
  expect(flushed).toEqual([
    [
      ["AAPL", 3],
      ["IBM", 2],
    ],
  ]);
});

test("a thousand values wait for one frame", () => {
  const { batch, frames } = batched();
  for (let k = 0; k < 1_000; k += 1) batch.put("AAPL", k);

  expect(frames).toHaveLength(1);
});

test("no frame is asked for while nothing comes", () => {
  const { batch, frames, flushed, frame } = batched();
  batch.put("AAPL", 1);
  frame();

  expect(frames).toHaveLength(0);
  frame();
  expect(flushed).toHaveLength(1);
});

test("what waits can be had at once, and doesn't come again with the frame", () => {
  const { batch, flushed, frame } = batched();
  batch.put("AAPL", 1);
  batch.now();
  frame();
  batch.put("AAPL", 2);
  frame();

  expect(flushed).toEqual([[["AAPL", 1]], [["AAPL", 2]]]);
});

test("what comes while values are handed over waits for the next frame", () => {
  const frames: (() => void)[] = [];
  const flushed: number[][] = [];
  const batch = new FrameBatch<string, number>(
    (values) => {
      flushed.push([...values.values()]);
      if (flushed.length === 1) batch.put("AAPL", 2);
    },
    (run) => frames.push(run),
  );
  batch.put("AAPL", 1);
  frames.shift()?.();

  expect(flushed).toEqual([[1]]);
  frames.shift()?.();
  expect(flushed).toEqual([[1], [2]]);
});
