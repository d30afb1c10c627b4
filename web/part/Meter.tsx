/** A fill level: one square per slot where there are few, otherwise a bar. */

import * as style from "./Meter.module.css";

interface Props {
  label: string;
  /** The values as text. */
  text: string;
  value: number;
  max: number;
}

/** More squares could not be counted at a glance. */
const COUNTABLE = 12;

export function Meter({ label, text, value, max }: Props) {
  const isFull = value >= max;
  return (
    <div
      class={isFull ? `${style.meter} ${style.full}` : style.meter}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={Math.min(value, max)}
      aria-valuetext={text}
    >
      {max <= COUNTABLE ? <Squares value={value} max={max} /> : <Bar value={value} max={max} />}
      <span>{text}</span>
    </div>
  );
}

function Squares({ value, max }: { value: number; max: number }) {
  return (
    <span class={style.squares} aria-hidden="true">
      {Array.from(
        { length: max },
        (_, i) => <i key={i} class={i < value ? style.on : undefined} />,
      )}
    </span>
  );
}

function Bar({ value, max }: { value: number; max: number }) {
  return (
    <span class={style.bar} aria-hidden="true">
      <i style={{ width: `${Math.min(100, (100 * value) / max)}%` }} />
    </span>
  );
}
