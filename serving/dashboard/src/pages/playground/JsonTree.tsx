// JSON to look through: parts fold, and what is folded or far down a long list isn't drawn.

import { useState } from "preact/hooks";
import { Reading } from "./Reading";

// Of the levels below the top.
const OPEN_LEVELS = 2;
const FIRST_ITEMS = 40;
const MORE_ITEMS = 400;
// What is shorter than this stands on one line.
const SHORT_CHARACTERS = 160;

export function JsonTree({ value, label }: { value: unknown; label: string }) {
  return (
    <Reading label={label}>
      <Node value={value} depth={0} />
    </Reading>
  );
}

function Node({ name, value, depth }: { name?: string; value: unknown; depth: number }) {
  const [open, setOpen] = useState(depth < OPEN_LEVELS);
  const key = name === undefined ? null : <span class="json-key">{name}: </span>;
  if (!foldable(value)) {
    return (
      <div>
        {key}
        <Leaf value={value} />
      </div>
    );
  }
  const array = Array.isArray(value);
  const size = Object.keys(value).length;
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {key}
        <span class="json-size">{array ? `[${size} items]` : `{${size} fields}`}</span>
      </summary>
      {open && <Children value={value} depth={depth + 1} />}
    </details>
  );
}

function Children({ value, depth }: { value: object; depth: number }) {
  const [shown, show] = useState(FIRST_ITEMS);
  const entries = Object.entries(value);
  const left = entries.length - shown;
  return (
    <div class="json-children">
      {entries.slice(0, shown).map(([name, child]) => (
        <Node key={name} name={name} value={child} depth={depth} />
      ))}
      {left > 0 && (
        <button type="button" class="button" onClick={() => show(shown + MORE_ITEMS)}>
          Show {Math.min(left, MORE_ITEMS)} more of {left}
        </button>
      )}
    </div>
  );
}

function Leaf({ value }: { value: unknown }) {
  const kind = value === null ? "null" : typeof value;
  return <span class={`json-${kind}`}>{JSON.stringify(value)}</span>;
}

/** What deserves lines of its own: not what is short and has nothing to fold inside. */
function foldable(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const children: unknown[] = Object.values(value);
  if (children.some((child) => typeof child === "object" && child !== null)) return true;
  return children.length > 12 || JSON.stringify(value).length > SHORT_CHARACTERS;
}
