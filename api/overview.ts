/** The whole gateway at a glance, for administrators: figures, queues, and what needs attention. */

import { z } from "@hono/zod-openapi";
import { filterText, timeText } from "./fields.ts";
import { UsageShare, UsageStep, UsageView } from "./usage.ts";

export const AttentionKind = z.enum([
  "store",
  "ledger",
  "limits",
  "gateways",
  "disk",
  "certificate",
  "provider_key",
  "penalized",
  "unapproved",
  "lost",
  "plain_http",
  "untrusted_proxy",
  "gateway_version",
  "node_version",
  "backup",
  "kept_administrator",
  "budgets",
]).describe(
  "What needs attention. `store`, `ledger`, `limits`: the database, the record of calls, Redis. " +
    "`gateways`: some cannot be reached. `disk`: little room in the data folder. `certificate`: it " +
    "expires within two weeks, or cannot be obtained. `provider_key`: providers refuse nodes' keys. " +
    "`penalized`: nodes get no calls for another failure. `unapproved`: nodes wait for approval. " +
    "`lost`: nodes that vanished within a day. `plain_http`: the public address is not encrypted. " +
    "`untrusted_proxy`: requests come through a proxy that is not trusted, and `detail` is its address. " +
    "`gateway_version`, `node_version`: other versions than this gateway's. `backup`: none within a week. " +
    "`kept_administrator`: the sign-in provider would take the last administrator's rights away. " +
    "`budgets`: accounts (of the first 1,000 that have one) and groups that have used 90 % of a day's or a month's.",
);
export type AttentionKind = z.infer<typeof AttentionKind>;

export const TroubleCause = z.enum([
  "authority_forbidden",
  "calls_lost",
  "calls_refused",
  "cannot_save",
  "certificate_expired",
  "certificate_for_another_name",
  "certificate_not_yet_valid",
  "certificate_self_signed",
  "certificate_untrusted",
  "connection_lost",
  "connection_refused",
  "damaged",
  "disk_failed",
  "disk_full",
  "domain_elsewhere",
  "domain_unknown",
  "locked",
  "name_unknown",
  "no_answer",
  "no_database",
  "no_file",
  "no_tables",
  "no_tls",
  "out_of_memory",
  "overloaded",
  "password_refused",
  "permission_denied",
  "port_80_closed",
  "rate_limited",
  "read_only",
  "starting",
  "too_many_connections",
  "too_many_files",
  "unreachable",
])
  .describe("Why a service or a disk cannot be used, where that is one of the frequent kinds.");
export type TroubleCause = z.infer<typeof TroubleCause>;

export const Attention = z.object({
  kind: AttentionKind,
  severity: z.enum(["bad", "warning"]).describe("`bad`: calls fail, or will soon."),
  count: z.number().describe("How many nodes, gateways or budgets; else 1."),
  code: z.string().nullable().describe("Of `penalized`: the most frequent failure's code."),
  cause: TroubleCause.nullable()
    .describe("Of `store`, `ledger`, `limits` and `certificate`: the kind of what `detail` says."),
  at: z.number().nullable()
    .describe("Of `certificate`: when it expires. Of `backup`: when the last was made."),
  detail: z.string().nullable().describe("More, in words."),
  nodes: z.array(z.object({ id: z.string(), name: z.string() })).describe("At most five."),
  holders: z.array(z.object({
    of: z.enum(["account", "group"]),
    id: z.string(),
    name: z.string().describe("The account's e-mail, or the group's name."),
  })).optional().describe("Of `budgets`: whose they are, at most five."),
}).meta({ id: "Attention" });
export type Attention = z.infer<typeof Attention>;

export const OverviewFilter = z.object({
  from: timeText.optional().describe("Default: 24 hours before `to`."),
  to: timeText.optional().describe("Default: now."),
  step: UsageStep.optional(),
  zone: filterText.describe("As in the usage's."),
});
export type OverviewFilter = z.infer<typeof OverviewFilter>;

const { total, before, series, by_model, by_node, step, step_ms, starts, from, to } =
  UsageView.shape;

/** Everyone's usage: that of all accounts together. */
export const EveryonesUsage = z.object({
  step,
  step_ms,
  starts,
  from,
  to,
  total,
  before,
  series,
  by_model,
  by_node,
  by_account: z.array(UsageShare).describe("As `by_model`; the name is the account's e-mail."),
  by_group: z.array(UsageShare)
    .describe(
      "As `by_model`, of the 1,000 busiest accounts; a call counts for each group of its account.",
    ),
});
export type EveryonesUsage = z.infer<typeof EveryonesUsage>;

export const ModelQueue = z.object({
  model: z.string(),
  waiting: z.number().describe("Calls that wait for it at this gateway."),
  running: z.number().describe("Calls that run on the nodes that serve it, whatever their model."),
  slots: z.number().describe("Slots of the nodes that serve it."),
});
export type ModelQueue = z.infer<typeof ModelQueue>;

export const OverviewView = z.object({
  at: z.number(),
  version: z.string(),
  gateways: z.number().describe("Gateways that live, this one included."),
  nodes: z.number().describe("As `colink_nodes` of /metrics."),
  models: z.number().describe("As `colink_models`."),
  running: z.number().describe(
    "As `colink_calls_running`: at this gateway, waiting calls included.",
  ),
  waiting: z.number().describe("As `colink_calls_waiting`: at this gateway."),
  usage: EveryonesUsage,
  causes: z.array(z.object({ code: z.string(), calls: z.number() }))
    .describe("Why calls failed in that time, by code: at most 20, the most frequent first."),
  queues: z.array(ModelQueue).describe("Of models that calls wait for: at most 20."),
  attention: z.array(Attention).describe("The most urgent first."),
}).meta({ id: "Overview" });
export type OverviewView = z.infer<typeof OverviewView>;
