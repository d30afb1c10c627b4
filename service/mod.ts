/** What keeps a program running: the system's service managers, and a doctor's checks. Imports nothing of ours. */

export { type Check, climb, failed, type Finding, ok, skipped, warning } from "./ladder.ts";
export { environmentLine, machineService, runInPlaceOf } from "./machine_service.ts";
export { notifyServiceManager, type ServiceManager } from "./notify.ts";
export {
  type ServiceAction,
  serviceActions,
  ServiceError,
  serviceOf,
  serviceWorld,
} from "./service.ts";
export type { ServiceSpec } from "./spec.ts";
