/** A state as an icon and a word, in a tone. */

import { Icon, type IconName } from "./Icon.tsx";
import * as style from "./State.module.css";

export type Tone = "good" | "warning" | "bad" | "quiet";

export function State({ tone, icon, text }: { tone: Tone; icon: IconName; text: string }) {
  return (
    <span class={style.state} data-tone={tone}>
      <Icon name={icon} /> {text}
    </span>
  );
}
