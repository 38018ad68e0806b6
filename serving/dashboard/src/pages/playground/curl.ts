// A request as the command that makes the same one in a shell.

export interface Asked {
  readonly method: string;
  /** Whole, or a path of this server. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** For a POSIX shell; `-i`, since half of what an answer says is in its headers. */
export function curl({ method, url, headers, body }: Asked): string {
  const parts = ["curl -i"];
  // What curl does by itself: GET, or POST where there is a body.
  if (method !== (body === null ? "GET" : "POST")) parts.push(`-X ${method}`);
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  // Not `-d`, which takes a leading @ for a file's name and line breaks out.
  if (body !== null) parts.push(`--data-raw ${quoted(body)}`);
  return [...parts, quoted(url)].join(" \\\n  ");
}

/** One word for a shell, whatever it holds. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
