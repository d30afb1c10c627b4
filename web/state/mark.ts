/** The mark that the gateway sets beside the session, which itself no script can see: somebody is signed in here. */

const MARK = "colink_signed_in";

export function isMarked(): boolean {
  return document.cookie.split("; ").includes(`${MARK}=1`);
}

/** For a session that the gateway refused: the next visit need not ask about it again. */
export function removeMark(): void {
  document.cookie = `${MARK}=; path=/; max-age=0; samesite=strict`;
}
