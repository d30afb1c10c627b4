/** The looks of a button, for `<button>` and for links that look like one. */

import * as style from "./button.module.css";

const looks = {
  primary: style.primary,
  danger: style.danger,
  quiet: style.quiet,
  iconOnly: style.iconOnly,
  small: style.small,
  large: style.large,
};

/** The class names of a button with these looks. */
export function buttonClass(...names: readonly (keyof typeof looks)[]): string {
  return [style.button, ...names.map((name) => looks[name])].join(" ");
}
