// The version in force, who was trained after it, and how versions have followed each other.

import { useResource } from "../../api/resource";
import type { Challenger, Status, Succession } from "../../api/types";
import { count, decimal, MISSING, pValue, signed } from "../../format/numbers";
import { time } from "../../format/time";
import { Age } from "../../ui/notes";
import { Panel } from "../../ui/panel";
import { type Column, Table } from "../../ui/table";
import { LevelBadge } from "../../ui/verdict";
import { dagsterRun, type Links } from "./links";
import {
  decisionFigures,
  decisionWords,
  HOW_WORDS,
  isRun,
  type OtherFigure,
  type PairedTest,
  VERDICTS,
} from "./succession";

type Move = Succession["moves"][number];

export function SuccessionPanel({ succession }: { succession: Succession }) {
  const { answer } = useResource<Status>("/v1/status");
  const links = answer?.data.links ?? null;
  const { challenger, moves } = succession;
  return (
    <Panel title="Champion and challenger">
      <div class="models-contest">
        <section>
          <h3>In force: version {succession.version}</h3>
          <MoveWords move={succession} links={links} />
        </section>
        <section>
          <h3>Challenger{challenger && `: version ${challenger.version}`}</h3>
          {challenger ? (
            <ChallengerWords challenger={challenger} />
          ) : (
            <p>None: the version that was trained last is the one in force.</p>
          )}
        </section>
      </div>
      {challenger && <DecisionDetails challenger={challenger} />}
      {moves.length > 1 && (
        <details class="models-explained">
          <summary>The last {moves.length} changes</summary>
          <ol class="models-moves">
            {moves.map((move) => (
              <li key={`${move.version} ${move.at}`}>
                <b>Version {move.version}</b>
                <MoveWords move={move} links={links} />
              </li>
            ))}
          </ol>
        </details>
      )}
    </Panel>
  );
}

function MoveWords({ move, links }: { move: Move; links: Links | null }) {
  const link = isRun(move.by) ? dagsterRun(links, move.by) : null;
  return (
    <>
      <p>
        Since {time(move.at)}, <Age at={Date.parse(move.at)} label="" />, {HOW_WORDS[move.how]}. Who:{" "}
        {link ? (
          <a href={link} target="_blank" rel="noreferrer">
            Dagster run {move.by.slice(0, 8)} ↗
          </a>
        ) : (
          <span>{isRun(move.by) ? `Dagster run ${move.by}` : move.by}</span>
        )}
      </p>
      <p class="models-why">{decisionWords(move.why)}</p>
      {move.forced !== "" && (
        <p>
          <LevelBadge level="warn">Forced</LevelBadge> against these guards: {move.forced}
        </p>
      )}
    </>
  );
}

function ChallengerWords({ challenger }: { challenger: Challenger }) {
  const words = VERDICTS[challenger.verdict];
  const broken = challenger.verdict === "guard" || challenger.verdict === "data";
  return (
    <>
      <p>
        <LevelBadge level={words.promoted ? "ok" : broken ? "bad" : "warn"}>
          {words.promoted ? "Promoted" : "Refused"}: {words.text}
        </LevelBadge>
      </p>
      <p>
        Trained {time(challenger.trained_at)}, decided <Age at={Date.parse(challenger.decided_at)} label="" />.
      </p>
      <p class="models-why">{decisionWords(challenger.decision)}</p>
      {words.advice && <p>{words.advice}</p>}
    </>
  );
}

const TESTS: readonly Column<PairedTest>[] = [
  { key: "loss", header: "Loss", rowHeader: true, cell: (row) => row.loss },
  { key: "horizon", header: "Sessions ahead", align: "end", cell: (row) => row.horizon },
  { key: "days", header: "Common days", align: "end", cell: (row) => count(row.days) },
  { key: "statistic", header: "Diebold-Mariano", align: "end", cell: (row) => signed(row.statistic) },
  { key: "p", header: "p", align: "end", cell: (row) => pValue(row.p) },
  { key: "holm", header: "p of all tests (Holm)", align: "end", cell: (row) => pValue(row.pHolm) },
];
const FIGURES: readonly Column<OtherFigure>[] = [
  { key: "name", header: "Figure", rowHeader: true, cell: (row) => row.name },
  { key: "horizon", header: "Sessions ahead", align: "end", cell: (row) => row.horizon ?? MISSING },
  { key: "value", header: "Value", align: "end", cell: (row) => written(row.value) },
];

function DecisionDetails({ challenger }: { challenger: Challenger }) {
  const { tests, others } = decisionFigures(challenger.figures);
  return (
    <details class="models-explained">
      <summary>What the decision rests on</summary>
      {tests.length > 0 && (
        <Table
          caption="Challenger against champion, on the days that both have forecast: positive where the challenger loses more"
          columns={TESTS}
          rows={tests}
          rowKey={(row) => `${row.loss} ${row.horizon}`}
        />
      )}
      {others.length > 0 && (
        <Table
          caption="Guards and further figures"
          columns={FIGURES}
          rows={others}
          rowKey={(row) => `${row.name} ${row.horizon}`}
        />
      )}
    </details>
  );
}

/** Of figures that go from counts to 1e-12, what can be told. */
function written(value: number | null): string {
  if (value === null) return MISSING;
  if (Number.isInteger(value)) return count(value);
  return Math.abs(value) < 0.001 ? value.toExponential(1) : decimal(value, 3);
}
