/** The figures of the range as tiles, and the chosen one over time. */

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { usageExport } from "../../api.ts";
import { Chart } from "../../part/Chart.tsx";
import { Icon } from "../../part/Icon.tsx";
import { formatMoment, formatShare, formatShort, messages } from "../../state/locale.ts";
import { zone } from "../../state/zone.ts";
import { csv, download } from "./csv.ts";
import {
  allSteps,
  type Figure,
  type FigureName,
  figureNames,
  figures,
  type TrendView,
} from "./figures.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./Trend.module.css";
import * as buttonStyle from "../../part/button.module.css";
import * as tableStyle from "../../part/Table.module.css";

interface Props {
  view: TrendView;
  /** The name of the file to download. */
  file?: string;
  /** Whose calls the export has; null: there is none. */
  scope?: "own" | "all" | null;
  /** What is shown, four of them. */
  names?: readonly FigureName[];
}

export function Trend(
  { view, file = "co-link-usage.csv", scope = null, names = figureNames }: Props,
) {
  const t = messages.value.dashboard;
  const chosen = useSignal<FigureName>("calls");
  const isTable = useSignal(false);
  const steps = allSteps(view);
  const { format, isCount, lines: linesOf } = figures[chosen.value];
  const lines = linesOf(steps, view);
  const times = steps.map(({ at }) => at);
  const label = t.figures[chosen.value];
  return (
    <section class={style.trend} aria-label={t.trend}>
      <Tiles
        view={view}
        names={names}
        chosen={chosen.value}
        onChoose={(name) => chosen.value = name}
      />
      <div class={style.body}>
        <div class={style.head}>
          <h2>{label}</h2>
          <div class={buttonStyle.actions}>
            <button
              type="button"
              class={buttonClass("quiet", "small")}
              aria-pressed={isTable.value}
              onClick={() => isTable.value = !isTable.value}
            >
              <Icon name="list" /> {t.asTable}
            </button>
            <button
              type="button"
              class={buttonClass("quiet", "small")}
              onClick={() => download(file, csv(steps))}
            >
              <Icon name="draining" /> CSV
            </button>
            {scope !== null && (
              <a
                class={buttonClass("quiet", "small")}
                href={usageExport({
                  scope,
                  by: scope === "own" ? "day,key,model" : "day,account,group,model",
                  from: view.from,
                  to: view.to,
                  zone: zone.value,
                })}
                download
                title={t.exportText[scope]}
              >
                <Icon name="draining" /> {t.export}
              </a>
            )}
          </div>
        </div>
        {isTable.value
          ? <Table times={times} lines={lines} format={format} />
          : <Chart label={label} times={times} lines={lines} format={format} isCount={isCount} />}
      </div>
    </section>
  );
}

interface TilesProps {
  view: TrendView;
  names: readonly FigureName[];
  chosen: FigureName;
  onChoose: (name: FigureName) => void;
}

function Tiles({ view, names, chosen, onChoose }: TilesProps) {
  const t = messages.value.dashboard;
  const group = useId();
  return (
    <fieldset class={style.tiles}>
      <legend class="off-screen">{t.shown}</legend>
      {names.map((name) => (
        <label key={name} class={style.tile}>
          <input
            type="radio"
            name={group}
            checked={chosen === name}
            onChange={() => onChoose(name)}
          />
          <span class={style.name}>{t.figures[name]}</span>
          <Value figure={figures[name]} view={view} />
          <span class="hint">{aside(name, view, names)}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Value({ figure, view }: { figure: Figure; view: TrendView }) {
  const value = figure.value(view.total);
  return (
    <span class={style.value}>
      {value === null ? "–" : figure.format(value)}
      <Change figure={figure} view={view} />
    </span>
  );
}

/** The change since the previous period of the same length. */
function Change({ figure, view }: { figure: Figure; view: TrendView }) {
  const t = messages.value.dashboard;
  const value = figure.value(view.total);
  const before = figure.value(view.before);
  if (value === null || !before) return null;
  const change = value / before - 1;
  if (Math.abs(change) < 0.005) return null;
  const tone = change > 0 === figure.isBurden ? "bad" : "good";
  const text = `${change > 0 ? "↑" : "↓"} ${formatShare(Math.abs(change))}`;
  return <span class={style.change} data-tone={tone} title={t.against}>{text}</span>;
}

function aside(name: FigureName, { total }: TrendView, names: readonly FigureName[]): string {
  const t = messages.value.dashboard.asides;
  if (name === "speed") return "";
  if (name === "tokens") return t.tokens(total.prompt_tokens, total.completion_tokens);
  if (name === "calls" && names.includes("speed")) {
    return t.tokensShort(formatShort(total.prompt_tokens + total.completion_tokens));
  }
  if (name === "calls") {
    return total.tokens_per_second === null ? "" : t.speed(Math.round(total.tokens_per_second));
  }
  if (name === "errors") {
    return total.calls === 0 ? "" : t.share(formatShare(total.errors / total.calls));
  }
  const { first_token_p95_ms: p95 } = total;
  return p95 === null ? "" : t.p95(figures.firstToken.format(p95));
}

interface TableProps {
  times: readonly number[];
  lines: ReturnType<Figure["lines"]>;
  format: (value: number) => string;
}

/** Leaves out the steps without any calls. */
function Table({ times, lines, format }: TableProps) {
  const t = messages.value.dashboard;
  const rows = times
    .map((at, i) => ({ at, values: lines.map(({ values }) => values[i] ?? null) }))
    .filter(({ values }) => values.some((value) => value));
  return (
    <div class={tableStyle.box} tabIndex={0} role="region" aria-label={t.trend}>
      <table class={tableStyle.table}>
        <thead>
          <tr>
            <th scope="col">{t.time}</th>
            {lines.map(({ label }) => (
              <th key={label} scope="col" class={tableStyle.number}>{label}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ at, values }) => (
            <tr key={at}>
              <th scope="row">{formatMoment(at)}</th>
              {values.map((value, i) => (
                <td key={i} class={tableStyle.number}>{value === null ? "–" : format(value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
