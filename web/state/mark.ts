/** A readable cookie that the gateway sets beside the session cookie, which no script can read. */

import { base } from "../base.ts";

const MARK = "colink_signed_in";

export function isMarked(): boolean {
  return document.cookie.split("; ").includes(`${MARK}=1`);
}

/** Called when the gateway has rejected the session, so that the next visit need not ask about it. */
export function removeMark(): void {
  document.cookie = `${MARK}=; path=${base || "/"}; max-age=0; samesite=strict`;
}
