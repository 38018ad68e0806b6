// A table that one can sort, in pages when it is long. What stands in its cells is its caller's.
//
// A cell that ticks has to be a component of its own that reads its signal: then a tick redraws that cell alone.

import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { count } from "../format/numbers";
import { nextSorting, pageOf, type Sorting, type SortValue, sortedBy } from "./sorting";
import "./table.css";

export interface Column<Row> {
  readonly key: string;
  readonly header: ComponentChildren;
  /** What the header means, as a tooltip. */
  readonly title?: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** By what rows are sorted; without it they can't be by this column. What is null goes last. */
  readonly sort?: (row: Row) => SortValue;
  /** `end` for numbers, which then have figures of one width. */
  readonly align?: "start" | "end";
  /** The column that names its row; it stays in sight when a narrow screen scrolls sideways. */
  readonly rowHeader?: boolean;
  readonly class?: string;
}

export interface TableProps<Row> {
  /** What the table is of, with its units where headers have none. */
  readonly caption: string;
  readonly hideCaption?: boolean;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly rowKey: (row: Row) => string | number;
  readonly rowClass?: (row: Row) => string | undefined;
  /** How it is sorted at first; without it rows stand as they are given. */
  readonly sorting?: Sorting;
  /** Longer tables are paged. */
  readonly pageSize?: number;
  /** What stands in place of rows if there are none. */
  readonly empty?: ComponentChildren;
}

const PAGE_SIZE = 100;
// Up to here scrolling is less of a bother than paging.
const LONGEST_UNPAGED = 200;

export function Table<Row>(props: TableProps<Row>) {
  const { caption, hideCaption = false, columns, rows, rowKey, rowClass, empty } = props;
  const [sorting, sort] = useState<Sorting | null>(props.sorting ?? null);
  const [asked, goTo] = useState(0);
  const column = columns.find(({ key }) => key === sorting?.key);
  const sorted = useMemo(
    () => (column?.sort && sorting ? sortedBy(rows, column.sort, sorting.way) : rows),
    // A column made anew at each drawing sorts as the one before.
    [rows, sorting],
  );
  const size = props.pageSize ?? (rows.length > LONGEST_UNPAGED ? PAGE_SIZE : LONGEST_UNPAGED);
  const page = pageOf(sorted, asked, size);
  return (
    <div class="table">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reached by keys */}
      <section class="scroll" aria-label={caption} tabIndex={0}>
        <table>
          <caption class={hideCaption ? "visually-hidden" : ""}>
            <span class="table-caption">{caption}</span>
          </caption>
          <thead>
            <tr>
              {columns.map((each) => (
                <Header
                  key={each.key}
                  column={each}
                  sorting={sorting}
                  choose={() => {
                    const sample = rows.find((row) => each.sort?.(row) != null);
                    sort(nextSorting(sorting, each.key, sample && each.sort?.(sample)));
                    goTo(0);
                  }}
                />
              ))}
            </tr>
          </thead>
          <tbody>
            {page.rows.map((row) => (
              <tr key={rowKey(row)} class={rowClass?.(row)}>
                {columns.map((each) => (
                  <Cell key={each.key} column={each} row={row} />
                ))}
              </tr>
            ))}
            {rows.length === 0 && (
              <tr>
                <td class="table-empty" colSpan={columns.length}>
                  {empty ?? "Nothing here yet."}
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </section>
      {page.pages > 1 && (
        <Pager
          of={caption}
          page={page.page}
          pages={page.pages}
          text={`${count(page.start + 1)}–${count(page.start + page.rows.length)} of ${count(rows.length)}`}
          goTo={goTo}
        />
      )}
    </div>
  );
}

function classOf<Row>({ align, class: name }: Column<Row>): string {
  return [align === "end" ? "num" : "", name ?? ""].join(" ").trim();
}

function Header<Row>(props: { column: Column<Row>; sorting: Sorting | null; choose: () => void }) {
  const { column, sorting, choose } = props;
  if (!column.sort)
    return (
      <th scope="col" class={classOf(column)} title={column.title}>
        {column.header}
      </th>
    );
  const way = sorting?.key === column.key ? sorting.way : undefined;
  return (
    <th scope="col" class={classOf(column)} title={column.title} aria-sort={way ?? "none"}>
      <button type="button" class="table-sort" onClick={choose}>
        {column.header}
        <span class="table-way" aria-hidden="true">
          {way === undefined ? "↕" : way === "ascending" ? "↑" : "↓"}
        </span>
      </button>
    </th>
  );
}

function Cell<Row>({ column, row }: { column: Column<Row>; row: Row }) {
  const content = column.cell(row);
  if (column.rowHeader)
    return (
      <th scope="row" class={classOf(column)}>
        {content}
      </th>
    );
  return <td class={classOf(column)}>{content}</td>;
}

function Pager(props: { of: string; page: number; pages: number; text: string; goTo: (page: number) => void }) {
  const { of, page, pages, text, goTo } = props;
  return (
    <nav class="table-pager" aria-label={`Pages of: ${of}`}>
      <button type="button" class="button" disabled={page === 0} onClick={() => goTo(0)} aria-label="First page">
        «
      </button>
      <button type="button" class="button" disabled={page === 0} onClick={() => goTo(page - 1)}>
        Previous
      </button>
      <span class="num" role="status">
        {text}
      </span>
      <button type="button" class="button" disabled={page === pages - 1} onClick={() => goTo(page + 1)}>
        Next
      </button>
      <button
        type="button"
        class="button"
        disabled={page === pages - 1}
        onClick={() => goTo(pages - 1)}
        aria-label="Last page"
      >
        »
      </button>
    </nav>
  );
}
