// The language in which numbers and times are written: the browser's, unless it is said otherwise.

let chosen: string | undefined;
const numberFormats = new Map<string, Intl.NumberFormat>();
const timeFormats = new Map<string, Intl.DateTimeFormat>();

/** Write as in this language (BCP 47) from now on; undefined: as the browser does. */
export function writeAs(language: string | undefined): void {
  chosen = language;
  numberFormats.clear();
  timeFormats.clear();
}

// Making a formatter takes longer than all that is done with it: each is made once.

export function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return once(numberFormats, JSON.stringify(options), () => new Intl.NumberFormat(chosen, options));
}

export function timeFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return once(timeFormats, JSON.stringify(options), () => new Intl.DateTimeFormat(chosen, options));
}

function once<T>(made: Map<string, T>, name: string, make: () => T): T {
  let found = made.get(name);
  if (found === undefined) {
    found = make();
    made.set(name, found);
  }
  return found;
}
