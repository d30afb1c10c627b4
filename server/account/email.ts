/** E-mail addresses, as far as a gateway that sends no mail needs to understand them. */

import { ColinkError } from "../base/error.ts";

const MAX_CHARS = 254;

/** One @ with something on both sides, no spaces, no control characters, no halves of characters; mail servers know the rest. */
const SHAPE = /^[^\s@\p{Cc}\p{Cs}]{1,64}@[^\s@\p{Cc}\p{Cs}.]+(\.[^\s@\p{Cc}\p{Cs}.]+)*$/u;

/** One spelling for each address: no spaces around it, lower case. */
export function normalizedEmail(text: string): string {
  return text.trim().toLowerCase().normalize("NFC");
}

/** The normalised address. Throws `invalid_request` for what cannot be one. */
export function checkedEmail(text: string): string {
  const email = normalizedEmail(text);
  if (email.length <= MAX_CHARS && SHAPE.test(email)) return email;
  throw new ColinkError(
    "invalid_request",
    "Cannot take this e-mail address: expected one like name@example.org",
    { param: "email" },
  );
}
