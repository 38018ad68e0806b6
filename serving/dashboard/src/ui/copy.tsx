// A button that copies a text for a person who takes it elsewhere; and an id or a command with one, all of which can be
// selected.

import { useEffect, useState } from "preact/hooks";
import "./copy.css";

type Outcome = "idle" | "copied" | "refused";

const SAID_MS = 2_000;

export interface CopyButtonProps {
  readonly text: string | (() => string);
  /** Names it for a screen reader: "Copy the run's id". */
  readonly what: string;
  /** What to do where the browser refuses, in two or three words. */
  readonly instead?: string;
  readonly class?: string;
}

export function CopyButton({ text, what, instead = "Select it", class: name = "" }: CopyButtonProps) {
  const [outcome, say] = useState<Outcome>("idle");
  useEffect(() => {
    if (outcome === "idle") return;
    const timer = setTimeout(() => say("idle"), SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => say(await copied(typeof text === "string" ? text : text()));
  const words: Readonly<Record<Outcome, string>> = { idle: "Copy", copied: "✓ Copied", refused: instead };
  return (
    <>
      <button type="button" class={`button copy ${name}`} onClick={copy} aria-label={`Copy ${what}`}>
        {words[outcome]}
      </button>
      <span class="visually-hidden" role="status">
        {outcome === "copied" && `Copied ${what}`}
        {outcome === "refused" && `This browser does not let pages copy here. ${instead}.`}
      </span>
    </>
  );
}

export function Copyable({ text, what }: { text: string; what: string }) {
  return (
    <span class="copyable">
      <code class="copyable-text">{text}</code>
      <CopyButton text={text} what={what} class="copyable-button" />
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
