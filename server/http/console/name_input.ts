/** Reads aliases and settings of models that come from the command line. */

import type { z } from "zod";
import { ModelSettings, NewAlias } from "../../../api/mod.ts";
import { FormError } from "../form_error.ts";

/** Throws `invalid_request`, naming each member that is wrong. */
export function readAlias(value: unknown): NewAlias {
  return read(NewAlias, value);
}

/** Throws as `readAlias`. */
export function readModelSettings(value: unknown): ModelSettings {
  return read(ModelSettings, value);
}

function read<T extends z.ZodType>(shape: T, value: unknown): z.infer<T> {
  const { success, data, error } = shape.safeParse(value);
  if (success) return data;
  throw new FormError("command", error);
}
