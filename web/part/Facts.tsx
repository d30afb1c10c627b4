/** Names and values, one pair per line. */

import { type ComponentChildren, Fragment } from "preact";
import * as style from "./Facts.module.css";

interface Props {
  rows: readonly (readonly [name: ComponentChildren, value: ComponentChildren])[];
}

export function Facts({ rows }: Props) {
  return (
    <dl class={style.facts}>
      {rows.map(([name, value], i) => (
        <Fragment key={i}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
