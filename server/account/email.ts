/** E-mail addresses: their normal form, and the little validation that a gateway without mail needs. */

import { isVisibleName } from "../../protocol/mod.ts";
import { ColinkError } from "../base/error.ts";

const MAX_CHARS = 254;

/** One @ with text on both sides, without spaces. Further validity is for mail servers to judge. */
const SHAPE = /^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)*$/u;

/** The one spelling under which an address is stored: trimmed, lower case, NFC. */
export function normalizedEmail(text: string): string {
  return text.trim().toLowerCase().normalize("NFC");
}

/** The normalized address. Throws `invalid_request` for text that is no e-mail address. */
export function checkedEmail(text: string): string {
  const email = normalizedEmail(text);
  if (email.length <= MAX_CHARS && SHAPE.test(email) && isVisibleName(email)) return email;
  throw new ColinkError(
    "invalid_request",
    "Cannot take this e-mail address: expected one like name@example.org",
    { param: "email", problem: { code: "wrong_format" } },
  );
}
