/** Shown in place of an empty list: what belongs there, and how to start. */

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./Icon.tsx";
import * as style from "./Empty.module.css";

interface Props {
  icon: IconName;
  title: string;
  text: string;
  /** The one button or command. */
  children?: ComponentChildren;
}

export function Empty({ icon, title, text, children }: Props) {
  return (
    <section class={style.empty}>
      <Icon name={icon} />
      <h2>{title}</h2>
      <p>{text}</p>
      {children}
    </section>
  );
}
