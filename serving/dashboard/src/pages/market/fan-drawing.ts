// Draws a forecast's fan after the last bar, and where bars of live prices begin.

import type {
  AutoscaleInfo,
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesPrimitive,
  Logical,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";
import type { Palette } from "../../ui/palette";
import type { FanPoint } from "./fan";

/** A point with its place on the time axis, in sessions. */
export interface PlacedPoint extends FanPoint {
  readonly x: number;
}

type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];
type Size = { readonly width: number; readonly height: number };
type Bound = Exclude<keyof FanPoint, "session" | "ahead">;

export class FanDrawing implements ISeriesPrimitive<Time> {
  #at: SeriesAttachedParameter<Time> | null = null;
  #points: readonly PlacedPoint[] = [];
  #boundary: number | null = null;
  #scheme: Palette | null = null;
  readonly #views: readonly IPrimitivePaneView[] = [
    { zOrder: () => "bottom", renderer: () => ({ draw: (target) => this.#draw(target) }) },
  ];

  attached(at: SeriesAttachedParameter<Time>): void {
    this.#at = at;
  }

  detached(): void {
    this.#at = null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.#views;
  }

  /** The scale makes room for the 90 % interval while it is in sight. */
  autoscaleInfo(_start: Logical, end: Logical): AutoscaleInfo | null {
    const seen = this.#points.filter((point) => point.x <= end + 1);
    if (seen.length < 2) return null;
    return {
      priceRange: {
        minValue: Math.min(...seen.map((point) => point.lower90)),
        maxValue: Math.max(...seen.map((point) => point.upper90)),
      },
    };
  }

  /** @param boundary where bars of live prices begin; null if there are none. */
  set(points: readonly PlacedPoint[], boundary: number | null): void {
    this.#points = points;
    this.#boundary = boundary;
    this.#at?.requestUpdate();
  }

  paint(scheme: Palette): void {
    this.#scheme = scheme;
    this.#at?.requestUpdate();
  }

  #draw(target: Target): void {
    const scheme = this.#scheme;
    if (scheme === null) return;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      this.#line(context, scheme, mediaSize);
      this.#area(context, "lower90", "upper90", scheme.band);
      this.#area(context, "lower50", "upper50", scheme.band);
      context.strokeStyle = scheme.accent;
      context.lineWidth = 2;
      context.setLineDash([5, 4]);
      context.beginPath();
      this.#along(context, this.#points, "median");
      context.stroke();
    });
  }

  /** Left of it are the release's bars, right of it those that none has yet. */
  #line(context: CanvasRenderingContext2D, scheme: Palette, { width, height }: Size): void {
    const x = this.#boundary === null ? null : this.#x(this.#boundary);
    if (x === null || x > width) return;
    context.strokeStyle = scheme.muted;
    context.lineWidth = 1;
    context.setLineDash([2, 4]);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height);
    context.stroke();
    context.fillStyle = scheme.muted;
    context.font = "11px system-ui, sans-serif";
    // Left of it, as there may be no room on the other side.
    context.textAlign = "right";
    context.textBaseline = "bottom";
    context.fillText("not yet released ▸", x - 4, height - 4);
  }

  #area(context: CanvasRenderingContext2D, lower: Bound, upper: Bound, colour: string): void {
    if (this.#points.length < 2) return;
    context.fillStyle = colour;
    context.beginPath();
    this.#along(context, this.#points, upper);
    this.#along(context, this.#points.toReversed(), lower, true);
    context.closePath();
    context.fill();
  }

  #along(context: CanvasRenderingContext2D, points: readonly PlacedPoint[], bound: Bound, going = false): void {
    points.forEach((point, k) => {
      const [x, y] = [this.#x(point.x), this.#at?.series.priceToCoordinate(point[bound]) ?? null];
      if (x === null || y === null) return;
      if (k === 0 && !going) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
  }

  /** Also between two sessions, which the library knows no place of. */
  #x(place: number): number | null {
    const scale = this.#at?.chart.timeScale();
    const [left, right] = [
      scale?.logicalToCoordinate(Math.floor(place) as Logical),
      scale?.logicalToCoordinate(Math.ceil(place) as Logical),
    ];
    return left == null || right == null ? null : left + (right - left) * (place - Math.floor(place));
  }
}
