// An id or a command that a person takes elsewhere: all of it can be selected, and a button copies it.

import { useState } from "preact/hooks";
import "./copy.css";

type Outcome = "idle" | "copied" | "refused";

const SAID_MS = 2_000;
const WORDS: Readonly<Record<Outcome, string>> = { idle: "Copy", copied: "✓ Copied", refused: "Select it" };

/** `what` names it for a screen reader: "Copy the run's id". */
export function Copyable({ text, what }: { text: string; what: string }) {
  const [outcome, say] = useState<Outcome>("idle");
  const copy = async () => {
    say(await copied(text));
    setTimeout(() => say("idle"), SAID_MS);
  };
  return (
    <span class="copyable">
      <code class="copyable-text">{text}</code>
      <button type="button" class="button copyable-button" onClick={copy} aria-label={`Copy ${what}`}>
        {WORDS[outcome]}
      </button>
      <span class="visually-hidden" role="status">
        {outcome === "copied" && `Copied ${what}`}
        {outcome === "refused" && "This browser does not let pages copy here: select the text instead"}
      </span>
    </span>
  );
}

/** A browser keeps its clipboard from pages that came without TLS from another machine. */
async function copied(text: string): Promise<Outcome> {
  try {
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    return "refused";
  }
}
