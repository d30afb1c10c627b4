/** Calls that have ended: metadata, never prompts or answers. */

import { z } from "@hono/zod-openapi";
import { Route } from "./keys.ts";
import { filterText, following, limitText, orNull, timeText } from "./fields.ts";

export const CallOutcome = z.enum([
  "ok",
  "upstream_error",
  "node_lost",
  "cancelled",
  "timeout",
  "rejected",
  "interrupted",
]).describe("What became of a call; docs/errors.md says which failure has which outcome.");
export type CallOutcome = z.infer<typeof CallOutcome>;

export const Side = z.enum(["made", "provided"])
  .describe("`made`: by the account's keys. `provided`: served by the account's nodes, to anyone.");
export type Side = z.infer<typeof Side>;

export const AttemptView = z.object({
  node: z.string().describe("The node's public id."),
  node_name: z.string().nullable().describe("The node's name now; null: it is no longer known."),
  start_ms: z.number().describe("After the call's arrival."),
  duration_ms: z.number(),
  end: z.string().describe(
    "`ok`; `refused`: the upstream refused the request; else the code of the failure (`node_lost`, `busy` …).",
  ),
}).meta({ id: "Attempt", description: "One try of a call on a node: a bar of the waterfall." });
export type AttemptView = z.infer<typeof AttemptView>;

export const ReplaysView = z.object({
  count: z.number().describe("All of them, also those that `last` has no room for."),
  last: z.array(z.object({
    at_ms: z.number().describe("After the call's arrival."),
    after_event: z.number().nullable()
      .describe("The last event that the caller had; null: it got the answer from its beginning."),
    was_ended: z.boolean().describe("Whether the call had ended, and the answer was a kept one."),
  })).describe("At most ten, the oldest first."),
}).meta({
  id: "Replays",
  description: "How often callers came back for an answer with an Idempotency-Key.",
});
export type ReplaysView = z.infer<typeof ReplaysView>;

export const CallView = z.object({
  id: z.string().describe("The request id, as on the answer (`x-request-id`) and in the logs."),
  side: Side,
  started_at: z.number(),
  endpoint: z.string(),
  model: z.string(),
  alias: z.string().nullable()
    .describe(
      "The name that the caller asked for, where it was an alias; null: it was the model's. Null on the `provided` side.",
    ),
  stream: z.boolean(),
  outcome: CallOutcome,
  status: z.number().describe("What the caller saw; 499 where the caller left first."),
  cause: z.string().nullable().describe(
    "Why it failed, as a code of docs/errors.md; null: it did not, or nothing more is known.",
  ),
  key_id: z.string().nullable()
    .describe(
      "The caller's key. Null on the `provided` side: a node's owner may not know callers.",
    ),
  key_name: z.string().nullable().describe(
    "Empty: the account's own key. Null also where the key is no longer there.",
  ),
  node: z.string().nullable().describe("The node that answered, or tried last; null: none did."),
  node_name: z.string().nullable(),
  route: Route.nullable()
    .describe("How near that node was to the caller; null: no node was tried, or it is not known."),
  prompt_tokens: z.number().nullable(),
  completion_tokens: z.number().nullable(),
  estimated: z.boolean().describe(
    "Whether the completion's tokens were counted by the gateway or the node, because the upstream did not report them, or a count was cut at what is plausible.",
  ),
  delivered_bytes: z.number(),
  queued_ms: z.number().describe("How long it waited for a free slot, all attempts together."),
  first_byte_ms: z.number().nullable()
    .describe("From arrival to the first byte of an answer; null: there was none."),
  duration_ms: z.number(),
  attempts: z.array(AttemptView)
    .describe("In order. On the `provided` side only those on the account's own nodes."),
  replays: orNull(ReplaysView)
    .describe("Null: no caller came back for the answer. Null on the `provided` side."),
}).meta({ id: "Call" });
export type CallView = z.infer<typeof CallView>;

export const CandidateView = z.object({
  node: z.string().nullable()
    .describe("The node's public id; null: a node that the account may not see now."),
  node_name: z.string().nullable(),
  chosen: z.boolean(),
  expected_first_ms: z.number()
    .describe(
      "When the first token was expected, after the call would have been sent to the node.",
    ),
  expected_end_ms: z.number().describe("When the end of the answer was expected."),
  load_ms: z.number().describe("How much of that was for loading the model."),
  held_chars: z.number()
    .describe("The beginning of the prompt that the node was expected to hold, in characters."),
  free_slots: z.number(),
  measured: z.boolean()
    .describe("False: nothing was known of the node's speed, and the others' average was assumed."),
}).meta({ id: "Candidate", description: "What was expected of a node." });
export type CandidateView = z.infer<typeof CandidateView>;

export const ChoiceView = z.object({
  trial: z.boolean().describe("Whether the node got the call to be measured."),
  real_first_ms: z.number().nullable().describe(
    "When the first piece of the answer came, after the call was sent to the node; null: none did.",
  ),
  real_end_ms: z.number().nullable().describe("When the answer ended; null: it failed."),
  candidates: z.array(CandidateView).describe(
    "The chosen node and at most two more, the soonest first. On the `provided` side only the account's own nodes.",
  ),
}).meta({
  id: "Choice",
  description: "Why the node of the last attempt was chosen, and what its answer really took.",
});
export type ChoiceView = z.infer<typeof ChoiceView>;

export const CallDetail = CallView.extend({
  choice: orNull(ChoiceView).describe(
    "Null: no other node served the model, the call waited for a certain node, or the policy does not expect.",
  ),
}).meta({ id: "CallDetail" });
export type CallDetail = z.infer<typeof CallDetail>;

export const CallFilter = z.object({
  side: Side.optional().describe("Default: `made`."),
  from: timeText.optional().describe("Calls that arrived then or later."),
  to: timeText.optional().describe("Calls that arrived before then."),
  key: filterText,
  model: filterText,
  node: filterText,
  endpoint: filterText,
  status: z.coerce.number<number | string>().int().min(100).max(599).optional(),
  outcome: z.enum([...CallOutcome.options, "failed"]).optional(),
  cursor: filterText.describe("`next_cursor` of the page before."),
  limit: limitText(200, 50),
});
export type CallFilter = Partial<z.infer<typeof CallFilter>>;

export const CallPage = z.object({
  calls: z.array(CallView),
  next_cursor: z.string().nullable().describe(
    "Asks for older calls; null: there are none. A page with fewer than `limit` may still have one: a page looks at 10,000 calls only.",
  ),
  following,
  looked_to: z.number().nullable().describe(
    "How far back this page has looked: no matching call since then is missing. Null: to the very first.",
  ),
}).meta({ id: "CallPage", description: "Newest first. Filters are combined by and." });
export type CallPage = z.infer<typeof CallPage>;
