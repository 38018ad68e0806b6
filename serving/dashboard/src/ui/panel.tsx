// A part of a page: a heading, what it shows, and beside the heading what can be done about it.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export function Panel({
  title,
  aside,
  class: name = "",
  children,
}: {
  title: string;
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class={`panel ${name}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {aside && <div class="panel-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}
