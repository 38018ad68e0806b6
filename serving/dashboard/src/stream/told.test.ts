import { expect, test } from "vitest";
import { alert, signal } from "./testing/frames";
import { Told } from "./told";

test("a signal is new once, and again only under another row of the audit log", () => {
  const told = new Told();

  expect([told.isNew(signal(1)), told.isNew(signal(1)), told.isNew(signal(2)), told.isNew(signal(1))]).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test("another audit log may count from 1 again", () => {
  const told = new Told();
  told.isNew(signal(1));

  expect(told.isNew(signal(1, "AAPL", { audit_sha256: "of another log" }))).toBe(true);
});

test("an alert that comes back is news", () => {
  const told = new Told();
  const first = alert("silent since 15:04");
  const over = alert("silent since 15:04", false);
  const again = alert("silent since 15:20");

  expect([first, first, over, again].map((message) => told.isNew(message))).toEqual([true, false, true, true]);
});

test("the newest of a ticker is remembered however much comes of others", () => {
  const told = new Told(10);
  told.isNew(signal(1, "IBM"));
  for (let id = 2; id < 100; id += 1) told.isNew(signal(id, "AAPL"));

  expect(told.isNew(signal(1, "IBM"))).toBe(false);
});

test("what is remembered has a bound", () => {
  const told = new Told(10);
  for (let id = 1; id <= 12; id += 1) told.isNew(signal(id, "AAPL"));

  expect(told.isNew(signal(12, "AAPL"))).toBe(false);
  expect(told.isNew(signal(3, "AAPL"))).toBe(false);
  expect(told.isNew(signal(2, "AAPL"))).toBe(true);
});
