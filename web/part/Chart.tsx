/**
 * Values over time as lines, or stacked as areas. Its legend has each line's total, and while the
 * pointer is over the chart the values of that time. Pages offer the same data as a table, too.
 */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { formatShortDay, formatTime, locale } from "../state/locale.ts";
import { isDark } from "../state/theme.ts";
import { zone } from "../state/zone.ts";
import { valueRange, wholeSteps } from "./value_axis.ts";
import * as style from "./Chart.module.css";

export interface ChartLine {
  label: string;
  /** One value per step; null: no data. */
  values: readonly (number | null)[];
  /** Index in the palette, from 1 to 6. */
  colour: number;
  /** Whether the area below the line is filled. */
  isArea?: boolean;
  /** Of the whole time, as text, for the legend. */
  total?: string;
}

interface Props {
  label: string;
  /** When each step begins, UTC milliseconds. */
  times: readonly number[];
  lines: readonly ChartLine[];
  /** For the axis and the legend. */
  format: (value: number) => string;
  /** Whether the values are numbers of things, drawn on top of each other where there are several. */
  isCount?: boolean;
}

const HEIGHT_PX = 240;
const AXIS_PX = 56;

export function Chart({ label, times, lines, format, isCount = false }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  /** The step under the pointer; null: none. */
  const pointed = useSignal<number | null>(null);
  const names = lines.map((line) => line.label).join("\n");
  const data = plotted(times, isCount ? stacked(lines) : lines);
  const latest = useRef({ data, lines, format });
  latest.current = { data, lines, format };

  // A new look needs a new plot.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let isGone = false;
    let end = () => {};
    void import("uplot").then(({ default: Plot }) => {
      if (isGone) return;
      const { lines, data } = latest.current;
      const plot = new Plot(
        options(element, lines, {
          Plot,
          isCount,
          format: (value) => latest.current.format(value),
          onPoint: (step) => pointed.value = step,
        }),
        data,
        element,
      );
      chart.current = plot;
      const resized = new ResizeObserver(() =>
        plot.setSize({ width: element.clientWidth, height: HEIGHT_PX })
      );
      resized.observe(element);
      end = () => {
        resized.disconnect();
        plot.destroy();
        chart.current = null;
      };
    });
    return () => {
      isGone = true;
      end();
    };
  }, [names, isCount, locale.value, isDark.value, zone.value]);
  useEffect(() => chart.current?.setData(data), [times, lines]);

  const step = pointed.value;
  const at = step === null ? undefined : times[step];
  return (
    <div class={style.figure}>
      <div ref={box} class={style.chart} role="img" aria-label={label} />
      <dl class={style.legend}>
        {lines.map(({ label, colour, values, total }) => (
          <div key={label}>
            <dt>
              <i style={{ background: `var(--series-${colour})` }} />
              {label}
            </dt>
            <dd>{step === null ? total : shown(values[step] ?? null, format)}</dd>
          </div>
        ))}
        {at !== undefined && <div class={style.moment}>{moment(at)}</div>}
      </dl>
    </div>
  );
}

function shown(value: number | null, format: (value: number) => string): string {
  return value === null ? "–" : format(value);
}

function plotted(times: readonly number[], lines: readonly ChartLine[]): uPlot.AlignedData {
  return [times.map((at) => at / 1000), ...lines.map(({ values }) => [...values])];
}

/** Each line on top of those after it: the first is the highest, and is drawn below the others. */
function stacked(lines: readonly ChartLine[]): ChartLine[] {
  let below: readonly (number | null)[] = [];
  return lines.toReversed().map((line) => {
    const values = line.values.map((value, i) => (value ?? 0) + (below[i] ?? 0));
    below = values;
    return { ...line, values };
  }).reverse();
}

interface Drawing {
  /** Loaded on demand. */
  Plot: typeof uPlot;
  isCount: boolean;
  format: (value: number) => string;
  onPoint: (step: number | null) => void;
}

function options(
  element: HTMLElement,
  lines: readonly ChartLine[],
  { Plot, isCount, format, onPoint }: Drawing,
): uPlot.Options {
  const ink = colour(element, "--ink-soft");
  const grid = { stroke: colour(element, "--line"), width: 1 };
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  return {
    tzDate: (seconds) => Plot.tzDate(new Date(seconds * 1000), zone.value),
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [12, 28, 0, 0],
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    legend: { show: false },
    hooks: { setCursor: [({ cursor: { idx } }) => onPoint(idx ?? null)] },
    scales: { y: { range: (_plot, _min, max) => valueRange(max, isCount) } },
    axes: [
      {
        stroke: ink,
        font,
        grid: { show: false },
        ticks: { ...grid, size: 4 },
        space: TICK_PX,
        incrs: (_plot, _axis, min, max) => isOfDays(min, max) ? dayStepsS : timeStepsS,
        values: ({ scales: { x } }, times) => tickTexts(times, isOfDays(x?.min ?? 0, x?.max ?? 0)),
      },
      {
        stroke: ink,
        font,
        grid,
        ticks: { show: false },
        size: AXIS_PX,
        ...(isCount && { incrs: wholeSteps }),
        values: (_plot, values) => values.map((value) => format(value)),
      },
    ],
    series: [
      {},
      ...lines.map(({ label, colour: n, isArea }): uPlot.Series => {
        const stroke = colour(element, `--series-${n}`);
        const ground = colour(element, "--surface");
        return {
          label,
          stroke,
          width: 1.75,
          // Opaque where it hides what lies below in the stack.
          ...(isCount && { fill: `color-mix(in srgb, ${stroke} 22%, ${ground})` }),
          ...(isArea && !isCount &&
            { fill: `color-mix(in srgb, ${stroke} 14%, transparent)` }),
          points: { show: false },
        };
      }),
    ],
  };
}

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** Smallest distance of two labels of the time axis; fits the longest label. */
const TICK_PX = 62;
const timeStepsS = [1, 5, 15, 30].map((n) => n * MINUTE_S)
  .concat([1, 2, 3, 4, 6, 8, 12].map((n) => n * HOUR_S));
const dayStepsS = [1, 2, 5, 10, 15, 30].map((n) => n * DAY_S);

/** Beyond two days the axis shows no hours. */
function isOfDays(fromS: number, toS: number): boolean {
  return toS - fromS > 2 * DAY_S;
}

/** Days; or times, with the day below the first time of each day. */
function tickTexts(timesS: readonly number[], isOfDays: boolean): string[] {
  const days = timesS.map((at) => formatShortDay(at * 1000));
  if (isOfDays) return days;
  return timesS.map((at, i) => {
    const time = formatTime(at * 1000);
    return days[i] === days[i - 1] ? time : `${time}\n${days[i]}`;
  });
}

function moment(atMs: number): string {
  return `${formatShortDay(atMs)}, ${formatTime(atMs)}`;
}

/** Resolves a CSS variable with `light-dark()`, which a canvas cannot. */
function colour(element: HTMLElement, variable: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${variable})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
