// A part with so much in it that it scrolls by itself.

import type { ComponentChildren } from "preact";

interface Props {
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Reading({ label, class: name = "playground-json", children }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard
    <section class={name} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
