// Puts a text where a paste finds it, and says for a moment that it did.

import { useEffect, useState } from "preact/hooks";

const SAID_MS = 1_500;

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, say] = useState<string | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => say(null), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  // Refused where the page is not trusted with the clipboard, as on plain HTTP from another machine.
  const copy = () =>
    navigator.clipboard === undefined
      ? say("Not allowed here")
      : navigator.clipboard.writeText(text).then(
          () => say("Copied"),
          () => say("Not allowed here"),
        );
  return (
    <button type="button" class="button playground-copy" onClick={copy} aria-label={said ?? `Copy ${what}`}>
      {said ?? "Copy"}
    </button>
  );
}
