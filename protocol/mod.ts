/** The protocol between gateways and nodes. Imports nothing else of this project and runs on any runtime. */
export * from "./answer_writer.ts";
export * from "./call_body.ts";
export * from "./close_codes.ts";
export * from "./codec_v1.ts";
export * from "./codec_v2.ts";
export * from "./endpoint.ts";
export * from "./frame.ts";
export * from "./frame_v2.ts";
export * from "./json_scan.ts";
export * from "./json_text.ts";
export * from "./limits.ts";
export * from "./owned_bytes.ts";
export * from "./liveness_watch.ts";
export * from "./shared_facts.ts";
export * from "./upstream_fault.ts";
export * from "./usage.ts";
export * from "./visible_name.ts";
