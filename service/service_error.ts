/** What a service manager refused, or why there is none; the message says what to do. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
}
