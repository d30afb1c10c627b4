/** A line that waits for something and turns green once it is there. */

import type { ComponentChildren } from "preact";
import { Icon } from "./Icon.tsx";
import * as style from "./LookOut.module.css";

interface Props {
  isDone: boolean;
  children: ComponentChildren;
}

export function LookOut({ isDone, children }: Props) {
  return (
    <div
      class={isDone ? `${style.lookOut} ${style.done}` : style.lookOut}
      role="status"
      data-part="look-out"
      data-done={isDone}
    >
      {isDone ? <Icon name="check" /> : <span class={style.pulse} aria-hidden="true" />}
      {children}
    </div>
  );
}
