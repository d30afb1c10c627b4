/** Co-Link's logo: machines joined at one point. */

import * as style from "./Logo.module.css";

export function Logo() {
  return (
    <svg class={style.logo} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <g fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round">
        <path d="M12 12 5 5.5M12 12 5 18.5M12 12h7.5" opacity=".55" />
        <circle cx="12" cy="12" r="3.2" fill="currentColor" stroke="none" />
        <circle cx="4.6" cy="5.2" r="2.1" fill="currentColor" stroke="none" />
        <circle cx="4.6" cy="18.8" r="2.1" fill="currentColor" stroke="none" />
        <circle cx="20" cy="12" r="2.1" fill="currentColor" stroke="none" />
      </g>
    </svg>
  );
}
