/** Figures over time as lines and areas. What it shows can also be read as a table beside it. */

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { formatClock, locale } from "../state/locale.ts";
import { isDark } from "../state/theme.ts";

export interface ChartLine {
  label: string;
  /** One value a step; null: nothing is known of it. */
  values: readonly (number | null)[];
  /** Of the palette, from 1 to 6. */
  colour: number;
  /** Whether what is below the line is filled. */
  isArea?: boolean;
}

interface Props {
  label: string;
  /** When each step begins, UTC milliseconds. */
  times: readonly number[];
  lines: readonly ChartLine[];
  /** As on the axis and in the legend. */
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

  // What it looks like has changed: it is drawn anew.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const { lines, data } = latest.current;
    const formatNow = (value: number) => latest.current.format(value);
    const plot = new uPlot(looks(element, lines, formatNow), data, element);
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

  return <div ref={box} class="chart" role="img" aria-label={label} />;
}

function plotted(times: readonly number[], lines: readonly ChartLine[]): uPlot.AlignedData {
  return [times.map((at) => at / 1000), ...lines.map(({ values }) => [...values])];
}

function looks(
  element: HTMLElement,
  lines: readonly ChartLine[],
  format: (value: number) => string,
): uPlot.Options {
  const ink = colour(element, "--ink-soft");
  const grid = { stroke: colour(element, "--line"), width: 1 };
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const told = (value: number | null) => (value === null ? "–" : format(value));
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [12, 8, 0, 0],
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max, 1e-9) * 1.1] } },
    axes: [
      {
        stroke: ink,
        font,
        grid: { show: false },
        ticks: { ...grid, size: 4 },
        values: (_plot, times) =>
          times.map((at, i) => formatClock(at * 1000, spanMs(times), i === 0)),
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
      { label: "", value: (_plot, at) => (at === null ? "" : formatClock(at * 1000, 0, true)) },
      ...lines.map(({ label, colour: n, isArea }): uPlot.Series => {
        const stroke = colour(element, `--series-${n}`);
        return {
          label,
          stroke,
          width: 1.75,
          fill: isArea ? `color-mix(in srgb, ${stroke} 14%, transparent)` : undefined,
          points: { show: false },
          value: (_plot, value) => told(value),
        };
      }),
    ],
  };
}

function spanMs(times: readonly number[]): number {
  return ((times.at(-1) ?? 0) - (times[0] ?? 0)) * 1000;
}

/** A canvas knows no variables, and these say their light and their dark value at once. */
function colour(element: HTMLElement, variable: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${variable})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
