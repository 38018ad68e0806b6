// The colours of the style sheet, for what is drawn on a canvas. Read again when the theme changes.

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { preferences } from "../app/preferences";

const NAMES = [
  "bg",
  "surface",
  "text",
  "muted",
  "line",
  "accent",
  "up",
  "down",
  "hold",
  "band",
  "s1",
  "s2",
  "s3",
  "s4",
  "s5",
  "s6",
] as const;

export type Palette = Readonly<Record<(typeof NAMES)[number], string>>;

const system = signal(0);

/** The custom properties `--<name>` of the page's root as they are now. */
export const palette: ReadonlySignal<Palette> = computed(() => {
  // Both change what the style sheet says; the root's attributes are set by an effect that runs before this is read.
  void preferences.value;
  void system.value;
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])) as Palette;
});

/** Notice when the system goes dark or light. To be called once. */
export function followSystemTheme(): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    system.value += 1;
  });
}
