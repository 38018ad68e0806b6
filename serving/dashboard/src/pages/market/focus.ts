// Who moves a row goes with it: a browser takes the focus from what is put elsewhere.

/** Give it the focus once the list has been drawn anew. */
export function keepFocus(element: HTMLElement): void {
  requestAnimationFrame(() => element.focus());
}
