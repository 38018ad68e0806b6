// Reading what a server sends. It may be newer than this page: what the page has no name for is left out.

import type { Frame, LiveMessage } from "../api/types";
import { Lost } from "./ending";

type Found = Record<string, unknown>;

const KINDS: ReadonlySet<unknown> = new Set(["price", "prediction", "signal", "portfolio", "alert", "status"]);
const NUMBERS: Readonly<Record<Frame["type"], readonly string[]>> = {
  hello: ["protocol", "seq"],
  snapshot: ["seq"],
  delta: ["seq", "prev"],
  stale: [],
  pong: [],
  error: [],
  closing: ["code"],
};
const LISTS: Readonly<Partial<Record<Frame["type"], readonly string[]>>> = {
  snapshot: ["prices", "predictions", "signals", "alerts"],
  delta: ["messages"],
};

/**
 * The frame, or null if it is of a kind that this page doesn't know. Throws `Lost` for anything that no server of any
 * version would send. The fields of a message are the server's promise (`api/schema`) and not looked at.
 */
export function readFrame(data: unknown): Frame | null {
  const found = parse(data);
  const type = found.type;
  if (typeof type !== "string") throw new Lost(`frame: expected an object with a "type", got ${shown(data)}`);
  if (!isKnown(type)) return null;
  for (const name of NUMBERS[type]) {
    if (typeof found[name] !== "number") throw new Lost(`${type}.${name}: expected a number, got ${found[name]}`);
  }
  for (const name of LISTS[type] ?? []) found[name] = known(type, name, found[name]);
  return found as unknown as Frame;
}

function parse(data: unknown): Found {
  if (typeof data !== "string") throw new Lost("frame: expected text, got bytes");
  let found: unknown;
  try {
    found = JSON.parse(data);
  } catch {
    throw new Lost(`frame: expected JSON, got ${shown(data)}`);
  }
  if (typeof found !== "object" || found === null) throw new Lost(`frame: expected an object, got ${shown(data)}`);
  return found as Found;
}

function known(type: string, name: string, messages: unknown): LiveMessage[] {
  if (!Array.isArray(messages)) throw new Lost(`${type}.${name}: expected a list, got ${messages}`);
  return messages.filter((message) => KINDS.has(message?.type));
}

function isKnown(type: string): type is Frame["type"] {
  return Object.hasOwn(NUMBERS, type);
}

function shown(data: unknown): string {
  return JSON.stringify(String(data).slice(0, 80));
}
