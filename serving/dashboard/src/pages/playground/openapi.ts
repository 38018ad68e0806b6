// The server's OpenAPI document as far as trying an operation needs it: what there is, and examples of what to send.

export interface Parameter {
  readonly name: string;
  readonly place: "path" | "query";
  readonly required: boolean;
  readonly description: string;
  /** The document's first; empty where it has none. */
  readonly example: string;
  /** What holds when it is left out; empty where nothing does. */
  readonly fallback: string;
  /** All there are, where it takes a few; else null. */
  readonly choices: readonly string[] | null;
}

export interface Operation {
  /** The document's `operationId`. */
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  /** Null where nothing is sent. */
  readonly body: Body | null;
}

export interface Body {
  readonly mediaType: string;
  readonly description: string;
  /** Pretty JSON; empty where the document has no example. */
  readonly example: string;
}

/** Operations under one heading, in the document's order. */
export interface Group {
  readonly tag: string;
  readonly operations: readonly Operation[];
}

type Json = Readonly<Record<string, unknown>>;

const METHODS = ["get", "put", "post", "delete", "patch"];

/** Every operation of the document. */
export function operationsOf(document: unknown): readonly Operation[] {
  const root = record(document);
  return Object.entries(record(root.paths)).flatMap(([path, item]) =>
    METHODS.filter((method) => method in record(item)).map((method) =>
      operation(root, path, method, record(record(item)[method])),
    ),
  );
}

function operation(root: Json, path: string, method: string, told: Json): Operation {
  return {
    id: text(told.operationId) || `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    tag: text(list(told.tags)[0]) || "other",
    summary: text(told.summary),
    description: text(told.description),
    parameters: list(told.parameters).flatMap((each) => parameter(root, record(each))),
    body: body(record(told.requestBody)),
  };
}

function parameter(root: Json, told: Json): readonly Parameter[] {
  const place = told.in;
  if (place !== "path" && place !== "query") return [];
  const schema = record(told.schema);
  return [
    {
      name: text(told.name),
      place,
      required: told.required === true,
      description: text(told.description),
      example: written(told.example ?? list(schema.examples)[0]),
      fallback: written(schema.default),
      choices: choicesOf(root, schema),
    },
  ];
}

/** Of an enumeration or a boolean, also behind a reference or beside null. */
function choicesOf(root: Json, schema: Json): readonly string[] | null {
  if (schema.type === "boolean") return ["true", "false"];
  if (Array.isArray(schema.enum)) return schema.enum.map(written);
  if (typeof schema.$ref === "string") return choicesOf(root, referred(root, schema.$ref));
  for (const each of list(schema.anyOf)) {
    const found = choicesOf(root, record(each));
    if (found !== null) return found;
  }
  return null;
}

function referred(root: Json, reference: string): Json {
  return reference
    .replace(/^#\//, "")
    .split("/")
    .reduce<Json>((at, name) => record(at[name]), root);
}

function body(told: Json): Body | null {
  const [first] = Object.entries(record(told.content));
  if (first === undefined) return null;
  const [mediaType, content] = first;
  const { example } = record(content);
  return {
    mediaType,
    description: text(told.description),
    example: example === undefined ? "" : JSON.stringify(example, null, 2),
  };
}

/** Under their tags, of those whose path, name or description has every word of `wanted`. */
export function grouped(operations: readonly Operation[], wanted: string): readonly Group[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, Operation[]>();
  for (const each of operations) {
    const said = [each.method, each.path, each.tag, each.id, each.summary, each.description].join(" ").toLowerCase();
    if (!words.every((word) => said.includes(word))) continue;
    groups.set(each.tag, [...(groups.get(each.tag) ?? []), each]);
  }
  return [...groups].map(([tag, found]) => ({ tag, operations: found }));
}

export type Values = Readonly<Record<string, string>>;

/** The document's examples; of a ticker rather one that there is. */
export function examplesOf(operation: Operation, tickers: readonly string[]): Values {
  return Object.fromEntries(
    operation.parameters.map(({ name, example }) => {
      const unknown = name === "ticker" && example !== "" && !tickers.includes(example);
      return [name, unknown ? (tickers[0] ?? example) : example];
    }),
  );
}

/** Parameters that have to be given and are not. */
export function missing(operation: Operation, values: Values): readonly string[] {
  return operation.parameters.filter(({ name, required }) => required && !values[name]?.trim()).map(({ name }) => name);
}

/** What to ask for: the path and the query; what is empty is left out. */
export function addressOf(operation: Operation, values: Values): string {
  const value = (name: string) => values[name]?.trim() ?? "";
  const path = operation.path.replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(value(name)));
  const query = new URLSearchParams(
    operation.parameters
      .filter(({ name, place }) => place === "query" && value(name) !== "")
      .map(({ name }) => [name, value(name)]),
  ).toString();
  return query === "" ? path : `${path}?${query}`;
}

function record(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A value as one writes it into a form. */
function written(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
