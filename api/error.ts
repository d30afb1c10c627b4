/** Errors and pages: what every part of the API has in common. */

/** What is wrong with one field of a form; the console has words for each. */
export type FieldFault =
  | "required"
  | "too_short"
  | "too_long"
  | "too_small"
  | "too_big"
  | "wrong_type"
  | "wrong_format"
  | "not_allowed"
  | "unknown_field";

export interface FieldProblem {
  /** The field's name; `a.b` is `b` in `a`, the empty string is the body itself. */
  param: string;
  code: FieldFault;
  /** In English, with the limit that was missed. */
  message: string;
  /** The limit, where the fault is one of length or size. */
  limit?: number;
}

/** Every error, on every path. */
export interface ErrorView {
  error: {
    message: string;
    type: string;
    param: string | null;
    code: string | null;
    /** Of a form: every field that is wrong, not only the first. Absent elsewhere. */
    fields?: FieldProblem[];
  };
}

/** Answers to what is done and has nothing to show. */
export interface MessageView {
  message: string;
}
