// The place of the chart: loads what draws it, hands it what is new, and lets keys do what a mouse does.

import { effect, type Signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Indicators, Prediction, PriceBar } from "../../api/types";
import { Failure } from "../../ui/notes";
import { palette } from "../../ui/palette";
import type { Board } from "./board";
import { calmDown } from "./calm";
import type { Mark } from "./changes";
import { fanOf } from "./fan";
import { linesOf } from "./indicators";
import { type Range, sessionsOf } from "./ranges";
import { predictedOf, seenOf } from "./seen";
import { unreleased } from "./sessions";

type BoardModule = typeof import("./board");

// Asked for as soon as this is: it is on its way while the bars are.
let coming: Promise<BoardModule> | null = null;

function boardModule(): Promise<BoardModule> {
  coming ??= import("./board");
  // Whoever needs it learns of a failure, and asks anew.
  coming.catch(() => {
    coming = null;
  });
  return coming;
}

void boardModule();

export interface CanvasProps {
  readonly ticker: string;
  readonly bars: readonly PriceBar[];
  /** What REST answered: the stream's wins. */
  readonly prediction: Prediction | null;
  readonly indicators: Indicators | null;
  readonly overlays: readonly string[];
  readonly marks: readonly Mark[];
  readonly range: Range;
  /** Whether `bars` are as many as the range asks for. */
  readonly filled: boolean;
  readonly logarithmic: boolean;
  /** The session that is pointed at here, or elsewhere on the page. */
  readonly hovered: Signal<string | null>;
  readonly pointed: Signal<string | null>;
  readonly more: () => void;
  readonly label: string;
  readonly describedBy: string;
}

export function Canvas(props: CanvasProps) {
  const host = useRef<HTMLDivElement>(null);
  const [board, failed] = useBoard(host, props);
  useDrawing(board, props);
  useRange(board, props);
  if (failed) return <Failure what="the chart" error={failed} retry={() => location.reload()} />;
  return (
    <div
      ref={host}
      class="market-canvas"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what a mouse does here, keys must do
      tabIndex={0}
      aria-roledescription="price chart"
      aria-label={props.label}
      aria-describedby={props.describedBy}
      aria-keyshortcuts="ArrowLeft ArrowRight + - 0"
      onKeyDown={(event) => {
        if (board && press(board, event.key, () => board.show(sessionsOf(props.range)))) event.preventDefault();
      }}
    />
  );
}

const STEP = 0.1;

function press(board: Board, key: string, reset: () => void): boolean {
  const does: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => board.pan(-STEP),
    ArrowRight: () => board.pan(STEP),
    "+": () => board.zoom(0.8),
    "=": () => board.zoom(0.8),
    "-": () => board.zoom(1.25),
    "0": reset,
  };
  does[key]?.();
  return key in does;
}

/** The board, once it is loaded. What it reports goes to the newest `props`. */
function useBoard(host: { current: HTMLElement | null }, props: CanvasProps): readonly [Board | null, Error | null] {
  const [board, found] = useState<Board | null>(null);
  const [failed, fail] = useState<Error | null>(null);
  const newest = useRef(props);
  newest.current = props;
  useEffect(() => {
    let made: Board | null = null;
    let gone = false;
    boardModule().then(
      (module) => {
        if (gone || host.current === null) return;
        made = new module.Board(host.current, palette.peek(), {
          hover: (session) => {
            newest.current.hovered.value = session;
          },
          beginning: () => newest.current.more(),
          reset: () => made?.show(sessionsOf(newest.current.range)),
        });
        found(made);
      },
      (error: Error) => fail(error),
    );
    return () => {
      gone = true;
      made?.remove();
    };
  }, []);
  return [board, failed];
}

/**
 * Everything that is drawn, each when it changes; what ticks goes to the board without a drawing of ours. Before the
 * browser draws: a board is not shown empty first.
 */
function useDrawing(board: Board | null, props: CanvasProps): void {
  const { ticker, bars, prediction, indicators, overlays, marks, logarithmic, pointed } = props;
  const scheme = palette.value;
  useLayoutEffect(() => board?.paint(scheme), [board, scheme]);
  useLayoutEffect(() => {
    if (!board) return;
    const released = bars.at(-1)?.session;
    let first = true;
    return effect(() => {
      const live = unreleased(seenOf(ticker).value, released);
      if (first) board.bars(bars, live);
      else board.live(live);
      first = false;
    });
  }, [board, scheme, ticker, bars]);
  useLayoutEffect(() => {
    if (!board) return;
    return effect(() => {
      const made = predictedOf(ticker).value?.message ?? prediction;
      board.fan(made ? fanOf(made) : []);
    });
  }, [board, ticker, prediction]);
  useLayoutEffect(
    () => board?.lines(indicators ? linesOf(indicators, overlays) : []),
    [board, scheme, indicators, overlays],
  );
  useLayoutEffect(() => board?.markers(marks), [board, scheme, marks, bars]);
  useLayoutEffect(() => board?.logarithmic(logarithmic), [board, logarithmic]);
  useLayoutEffect(() => {
    if (board) return effect(() => board.point(pointed.value));
    return undefined;
  }, [board, pointed]);
}

/** Shows the range when it, or the ticker, was chosen, as soon as its bars are there; after that the viewer moves. */
function useRange(board: Board | null, { ticker, range, bars, filled }: CanvasProps): void {
  const shown = useRef("");
  useLayoutEffect(() => {
    const wanted = `${ticker} ${range}`;
    if (!board || bars.length === 0 || shown.current === wanted) return;
    board.show(sessionsOf(range));
    calmDown();
    if (filled) shown.current = wanted;
  }, [board, ticker, range, bars, filled]);
}
