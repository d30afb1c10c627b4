/** The log as the gateway's rooms use it; both programs share it. */

export { type Fields, type Log, silentLog } from "../../log/log.ts";
