// Asking the server by HTTP. Every failure is a `RequestFailed` whose message is fit for a person; nothing is retried here.

import type { Problem } from "./types";

/** An answer with the age of its numbers when it came (seconds; null where the server doesn't say) and our clock then (ms). */
export interface Answer<T> {
  readonly data: T;
  readonly ageSeconds: number | null;
  readonly receivedAt: number;
}

/** The server could not be reached (`status` 0), or refused; `problem` is what it said of that, if anything. */
export class RequestFailed extends Error {
  override readonly name = "RequestFailed";

  constructor(
    message: string,
    readonly status: number,
    readonly problem: Problem | null,
  ) {
    super(message);
  }

  get unreachable(): boolean {
    return this.status === 0;
  }

  /** Whether the server has no release yet, or none of this kind: not an error of the request's. */
  get notReady(): boolean {
    return this.problem?.type === "/problems/not-ready";
  }
}

const TIMEOUT_MS = 15_000;

/** `GET path` as JSON. The browser's own cache revalidates by ETag. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  const response = await send(path, { headers: { accept: "application/json" } }, signal);
  return read<T>(response, () => response.json(), signal);
}

/** `GET path` as text. */
export async function getText(path: string, signal?: AbortSignal): Promise<Answer<string>> {
  const response = await send(path, {}, signal);
  return read(response, () => response.text(), signal);
}

/** `POST path` with a JSON body. */
export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<Answer<T>> {
  const headers = { "content-type": "application/json", accept: "application/json" };
  const response = await send(path, { method: "POST", headers, body: JSON.stringify(body) }, signal);
  return read<T>(response, () => response.json(), signal);
}

async function send(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: signal ? AbortSignal.any([signal, limit]) : limit });
  } catch (error) {
    if (signal?.aborted) throw error;
    const why = limit.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : "it could not be reached";
    throw new RequestFailed(`The server did not answer: ${why}.`, 0, null);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response: Response): Promise<RequestFailed> {
  const told = response.headers.get("content-type")?.startsWith("application/problem+json");
  const problem = told ? ((await response.json().catch(() => null)) as Problem | null) : null;
  const message = problem?.detail ?? `The server answered ${response.status} ${response.statusText}`;
  return new RequestFailed(message, response.status, problem);
}

/** What follows the headers may still be cut off, come too late, or be a page of whatever stands in between. */
async function read<T>(response: Response, body: () => Promise<T>, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    return { data: await body(), ageSeconds: age(response), receivedAt: Date.now() };
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestFailed("The server's answer broke off, or is none that it would give.", 0, null);
  }
}

function age(response: Response): number | null {
  const seconds = response.headers.get("x-data-age");
  return seconds === null ? null : Number(seconds);
}
