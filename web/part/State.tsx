/** A state as an icon and a word, in a tone. */

import { Icon, type IconName } from "./Icon.tsx";

export type Tone = "good" | "warning" | "bad" | "quiet";

export function State({ tone, icon, text }: { tone: Tone; icon: IconName; text: string }) {
  return (
    <span class={`state ${tone}`}>
      <Icon name={icon} /> {text}
    </span>
  );
}
