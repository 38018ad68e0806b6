// Handing text over as a file.

/** Let the browser save `text` under `name`. */
export function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own hold on what the address stands for once it has begun.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
