/** Values over time as lines and areas. Pages offer the same data as a table, too. */

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { formatShortDay, formatTime, locale } from "../state/locale.ts";
import { isDark } from "../state/theme.ts";
import * as style from "./Chart.module.css";

export interface ChartLine {
  label: string;
  /** One value per step; null: no data. */
  values: readonly (number | null)[];
  /** Index in the palette, from 1 to 6. */
  colour: number;
  /** Whether the area below the line is filled. */
  isArea?: boolean;
}

interface Props {
  label: string;
  /** When each step begins, UTC milliseconds. */
  times: readonly number[];
  lines: readonly ChartLine[];
  /** For the axis and the legend. */
  format: (value: number) => string;
}

const HEIGHT_PX = 240;
const AXIS_PX = 56;

export function Chart({ label, times, lines, format }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const names = lines.map((line) => line.label).join("\n");
  const data = plotted(times, lines);
  const latest = useRef({ data, lines, format });
  latest.current = { data, lines, format };

  // A new look needs a new plot.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const { lines, data } = latest.current;
    const formatNow = (value: number) => latest.current.format(value);
    const plot = new uPlot(options(element, lines, formatNow), data, element);
    chart.current = plot;
    const resized = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: HEIGHT_PX })
    );
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [names, locale.value, isDark.value]);
  useEffect(() => chart.current?.setData(data), [times, lines]);

  return <div ref={box} class={style.chart} role="img" aria-label={label} />;
}

function plotted(times: readonly number[], lines: readonly ChartLine[]): uPlot.AlignedData {
  return [times.map((at) => at / 1000), ...lines.map(({ values }) => [...values])];
}

function options(
  element: HTMLElement,
  lines: readonly ChartLine[],
  format: (value: number) => string,
): uPlot.Options {
  const ink = colour(element, "--ink-soft");
  const grid = { stroke: colour(element, "--line"), width: 1 };
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const text = (value: number | null) => (value === null ? "–" : format(value));
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [12, 28, 0, 0],
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max, 1e-9) * 1.1] } },
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
        values: (_plot, values) => values.map((value) => format(value)),
      },
    ],
    series: [
      { label: "", value: (_plot, at) => (at === null ? "" : moment(at * 1000)) },
      ...lines.map(({ label, colour: n, isArea }): uPlot.Series => {
        const stroke = colour(element, `--series-${n}`);
        return {
          label,
          stroke,
          width: 1.75,
          ...(isArea && { fill: `color-mix(in srgb, ${stroke} 14%, transparent)` }),
          points: { show: false },
          value: (_plot, value) => text(value),
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
