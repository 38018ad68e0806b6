// A histogram as a table whose bars are drawn beside the counts.

import { count, percent } from "../../format/numbers";
import { between, type Histogram, quantile } from "./exposition";

export interface BarsProps {
  readonly now: Histogram;
  /** As it was when the page was opened; null if there was none. */
  readonly before: Histogram | null;
  /** How a bound is written. */
  readonly write: (value: number) => string;
}

export function Bars({ now, before, write }: BarsProps) {
  const since = between(before, now);
  // Before anything has come since, the picture is of all there was.
  const drawn = since.count > 0 ? since : now;
  const most = Math.max(1, ...drawn.counts);
  return (
    <>
      <table class="system-bars">
        <caption class="visually-hidden">How many took how long, since this page was opened and in total</caption>
        <thead>
          <tr>
            <th scope="col">at most</th>
            <th scope="col">
              <span class="visually-hidden">Share</span>
            </th>
            <th scope="col" class="num">
              since opened
            </th>
            <th scope="col" class="num">
              in total
            </th>
          </tr>
        </thead>
        <tbody>
          {now.bounds.map((bound, k) => (
            <tr key={bound}>
              <th scope="row" class="num">
                {Number.isFinite(bound) ? write(bound) : "more"}
              </th>
              <td class="system-bar">
                <span style={{ width: `${(100 * (drawn.counts[k] ?? 0)) / most}%` }} />
              </td>
              <td class="num">{count(since.counts[k])}</td>
              <td class="num">{count(now.counts[k])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="system-foot">
        Since this page was opened: <Words of={since} write={write} />. In total: <Words of={now} write={write} />.
      </p>
    </>
  );
}

function Words({ of, write }: { of: Histogram; write: (value: number) => string }) {
  const [half, tail] = [quantile(of, 0.5), quantile(of, 0.99)];
  if (half === null || tail === null) return <span>none</span>;
  const beyond = (of.counts.at(-1) ?? 0) / of.count;
  return (
    <span class="num">
      {count(of.count)}, median {write(half)}, p99 {write(tail)}
      {beyond > 0.01 && ` or more (${percent(beyond)} beyond the last bound)`}
    </span>
  );
}
