// The order of a table's rows, without the table. A value that is not there goes last, whichever way it is sorted.

export type SortValue = number | string | null | undefined;
export type Way = "ascending" | "descending";

/** The column that rows are sorted by, by its key. */
export interface Sorting {
  readonly key: string;
  readonly way: Way;
}

/** A copy of `rows` in order of `value`; rows of equal value stay as they were. */
export function sortedBy<Row>(rows: readonly Row[], value: (row: Row) => SortValue, way: Way): readonly Row[] {
  const sign = way === "ascending" ? 1 : -1;
  return rows.toSorted((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
    return sign * compare(a, b);
  });
}

/** What a click on a column's header asks for: first the greatest number or the first word, then the other way round. */
export function nextSorting(now: Sorting | null, key: string, sample: SortValue): Sorting {
  if (now?.key === key) return { key, way: now.way === "ascending" ? "descending" : "ascending" };
  return { key, way: typeof sample === "number" ? "descending" : "ascending" };
}

/** The slice of page `page` (from 0) and how many pages there are; a page beyond the last is the last. */
export function pageOf<Row>(rows: readonly Row[], page: number, size: number) {
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const shown = Math.min(Math.max(0, page), pages - 1);
  const start = shown * size;
  return { rows: rows.slice(start, start + size), page: shown, pages, start };
}

function missing(value: SortValue): value is null | undefined {
  return value === null || value === undefined || Number.isNaN(value);
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}
