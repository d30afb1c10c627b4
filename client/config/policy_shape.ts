/** What may stand under `policy`: on which terms the owner lends the machine, a provider or a model. */

import { z } from "zod";
import { phrase } from "../../text/mod.ts";
import {
  parseBytes,
  parseCount,
  parseDuration,
  parseHours,
  parseLoad,
  parsePower,
} from "./policy_units.ts";

/** Text that a parser understands. A number, such as minutes without their unit, is answered with the same example. */
function parsed(parse: (text: string) => unknown, error: string) {
  return z.custom<string>((value) => typeof value === "string" && parse(value) !== null, {
    error,
  });
}

const duration = parsed(parseDuration, phrase`must be a time such as "30s", "10m" or "2h"`);

const count = z.custom<string | number>(
  (value) => (typeof value === "string" || typeof value === "number") && parseCount(value) !== null,
  { error: phrase`must be a count of 1 or more, such as 200 or "2M"` },
);

const hours = parsed(
  parseHours,
  phrase`must be days, a time or both, such as "mon-fri 19:00-07:00", "sat-sun" or "22:00-06:00"`,
);

const conditions = {
  hours: z.array(hours).min(1, { error: phrase`must name at least one time` }),
  power: parsed(parsePower, phrase`must be "mains", or a charge such as "battery > 60%"`),
  idle: duration,
  busy_programs: z.array(z.string().min(1, { error: phrase`must not be empty` }))
    .min(1, { error: phrase`must name at least one program` }),
  gpu_memory_free: parsed(parseBytes, phrase`must be a size such as "4GiB"`),
  cpu_load: parsed(parseLoad, phrase`must be a bound such as "< 70%"`),
  tokens_per_day: count,
  calls_per_hour: count,
};

/** The terms on which one provider or one model is lent, beyond the node's. */
export const offerPolicyShape = z.strictObject({
  ...conditions,
  unknown: z.enum(["allow", "deny"], { error: phrase`must be "allow" or "deny"` }),
}).partial();

/** The terms on which the machine is lent. */
export const policyShape = z.strictObject({
  ...offerPolicyShape.shape,
  yield: z.enum(["finish", "move", "stop"], { error: phrase`must be "finish", "move" or "stop"` })
    .optional(),
  hold: duration.optional(),
  pause_file: z.string().min(1, { error: phrase`must not be empty` }).optional(),
});

export type PolicyConditions = z.infer<z.ZodObject<typeof conditions>>;
export type OfferPolicyConfig = z.infer<typeof offerPolicyShape>;
export type PolicyConfig = z.infer<typeof policyShape>;

export const policyKeys = Object.keys(policyShape.shape);
