/** A form with wrong values: what is wrong with each, for the console to say it beside the field. */

import type { FieldProblem } from "../../api/mod.ts";
import { ColinkError } from "../base/error.ts";

export class FormError extends ColinkError {
  /** `what`: the part of the request that holds the fields. */
  constructor(what: string, readonly fields: readonly FieldProblem[]) {
    const wrong = fields.map(({ param, message }) => `${param || what}: ${message}`);
    super("invalid_request", `Cannot read the ${what}: ${wrong.join("; ")}`, {
      param: fields[0]?.param || undefined,
    });
  }
}
