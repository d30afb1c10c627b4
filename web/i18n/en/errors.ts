/** Failures, by the gateway’s code. A code that is not here is shown in the gateway’s own words, in English. */

export const errors = {
  unreachable: "The gateway cannot be reached. Check your connection and try again.",
  unknown: "The gateway answered in a way that was not understood. Try again in a moment.",
  internal_error: "Something went wrong in the gateway. Try again in a moment.",
  store_unavailable: "The gateway cannot reach its database. Try again in a moment.",
  shutting_down: "The gateway is restarting. Try again in a moment.",
  email_taken: "This e-mail address already has an account. Sign in instead.",
  weak_password: "Choose a password of 8 to 72 bytes.",
  invalid_credentials: "E-mail or password is wrong.",
  login_throttled: "Too many attempts.",
  rate_limit_exceeded: "Too many requests.",
  registration_closed: "Registration is closed on this gateway.",
  invite_required: "This invite code is not valid. Ask for a new one.",
  origin_refused: "The gateway refused this page’s address. Open the console at its usual one.",
} as const;
