import { t } from "./texts.ts";

/** What a service manager refused, or why there is none; the message says what to do. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
}

/** The machine has no service manager, or one that does not run. */
export function noManager(): ServiceError {
  return new ServiceError(
    t`This machine has no service manager that Co-Link knows (systemd, launchd, scheduled tasks): let yours start the program; docs/deployment.md says how`,
  );
}
