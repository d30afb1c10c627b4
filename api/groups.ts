/** Groups of accounts. */

import { z } from "@hono/zod-openapi";
import { GroupBudget } from "./budget.ts";
import { label, orNull, weight } from "./fields.ts";

const ids = z.array(z.string().min(1).max(200)).max(1000);

export const GroupView = z.object({
  id: z.string(),
  name: z.string().describe("Unique, whatever its case; what a node's `share_with` names."),
  weight: z.number()
    .describe("A member's part of what is scarce; 1 is that of an account without a group."),
  members_see_nodes: z.boolean().describe("Whether members see the nodes that others of them own."),
  budget: orNull(GroupBudget),
  created_at: z.number(),
  members: z.number().describe("How many accounts."),
}).meta({ id: "Group" });
export type GroupView = z.infer<typeof GroupView>;

export const NewGroup = z.strictObject({
  name: label(60),
  weight: weight.optional().describe("Default 1."),
  members_see_nodes: z.boolean().optional().describe("Default false."),
}).meta({ id: "NewGroup" });
export type NewGroup = z.infer<typeof NewGroup>;

export const GroupChange = z.strictObject({
  name: label(60).optional(),
  weight: weight.optional(),
  members_see_nodes: z.boolean().optional(),
  budget: orNull(GroupBudget).optional(),
  add: ids.optional().describe("Accounts that become members, by id or e-mail."),
  remove: ids.optional().describe("Accounts that are members no longer, likewise."),
}).meta({ id: "GroupChange", description: "What is absent stays as it is." });
export type GroupChange = z.infer<typeof GroupChange>;

export const GroupMembers = z.object({
  members: z.array(z.object({ id: z.string(), email: z.string() })),
}).meta({ id: "GroupMembers", description: "In the order of their addresses." });
export type GroupMembers = z.infer<typeof GroupMembers>;
