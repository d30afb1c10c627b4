/** State of a form with text fields: values, the problem of each field, and submission to the gateway. */

import { type ReadonlySignal, useSignal } from "@preact/signals";
import { type RefObject } from "preact";
import { useRef } from "preact/hooks";
import type { ApiError } from "../api.ts";
import { useSubmit } from "./submit.ts";

interface Options<T> {
  initial: T;
  /** Problem texts by field; evaluated on every change once the form was submitted. */
  problemsOf: (values: T) => Partial<Record<keyof T, string | undefined>>;
  /** The field at fault when the gateway rejects the form, and the text to show there; null: the whole form. */
  rejectionOf: (error: ApiError) => { field: keyof T; text: string } | null;
  /** Called when no field has a problem. */
  onSubmit: (values: T) => Promise<void>;
}

export interface Form<T> {
  /** For the `<form>`: its first field with a problem gets the focus. */
  element: RefObject<HTMLFormElement | null>;
  values: T;
  set: (field: keyof T) => (text: string) => void;
  /** Text to show beside the field. */
  problem: (field: keyof T) => string | undefined;
  /** A rejection that is about no single field. */
  failure: ApiError | null;
  isBusy: ReadonlySignal<boolean>;
  submit: (event: Event) => void;
  /** Restores the initial values. */
  clear: () => void;
}

export function useForm<T extends Record<keyof T & string, string>>(
  { initial, problemsOf, rejectionOf, onSubmit }: Options<T>,
): Form<T> {
  const element = useRef<HTMLFormElement>(null);
  const values = useSignal(initial);
  const wasSubmitted = useSignal(false);
  const { isBusy, error, run } = useSubmit();
  const rejection = error.value && rejectionOf(error.value);

  return {
    element,
    values: values.value,
    set: (field) => (text) => values.value = { ...values.value, [field]: text },
    problem: (field) =>
      (wasSubmitted.value ? problemsOf(values.value)[field] : undefined) ??
        (rejection?.field === field ? rejection.text : undefined),
    failure: rejection ? null : error.value,
    isBusy,
    submit: (event) => {
      event.preventDefault();
      wasSubmitted.value = true;
      const problems = problemsOf(values.value);
      const first = (Object.keys(values.value) as (keyof T)[]).find((field) => problems[field]);
      if (first === undefined) return void run(() => onSubmit(values.value));
      // A field takes the focus when its problem appears; one that was shown before is focused again here.
      element.current?.querySelector<HTMLElement>(`[name=${String(first)}]`)?.focus();
    },
    clear: () => {
      values.value = initial;
      wasSubmitted.value = false;
    },
  };
}
