/** A form of texts: what was typed, what is wrong with it beside which field, and its way to the gateway. */

import { type ReadonlySignal, useSignal } from "@preact/signals";
import { type RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "../api.ts";
import { useSubmit } from "./submit.ts";

interface Options<T> {
  initial: T;
  /** By field, in words; asked anew with every letter once the form was sent. */
  problemsOf: (values: T) => Partial<Record<keyof T, string | undefined>>;
  /** The field that a refusal is about, and what to say there; null: about the form as a whole. */
  refusalOf: (error: ApiError) => { field: keyof T; text: string } | null;
  /** Once nothing is wrong any more, as far as can be told here. */
  onSubmit: (values: T) => Promise<void>;
}

export interface Form<T> {
  /** For the `<form>`: the first field that is wrong gets the focus. */
  element: RefObject<HTMLFormElement | null>;
  values: T;
  set: (field: keyof T) => (text: string) => void;
  /** What stands beside a field. */
  problem: (field: keyof T) => string | undefined;
  /** A refusal that is about no field. */
  failure: ApiError | null;
  isBusy: ReadonlySignal<boolean>;
  submit: (event: Event) => void;
  /** As it was at first. */
  clear: () => void;
}

export function useForm<T extends Record<keyof T & string, string>>(
  { initial, problemsOf, refusalOf, onSubmit }: Options<T>,
): Form<T> {
  const element = useRef<HTMLFormElement>(null);
  const values = useSignal(initial);
  const wasSent = useSignal(false);
  const { isBusy, error, run } = useSubmit();
  const refusal = error.value && refusalOf(error.value);

  const focus = (field: keyof T) =>
    element.current?.querySelector<HTMLElement>(`[name=${String(field)}]`)?.focus();
  useEffect(() => {
    if (refusal) focus(refusal.field);
  }, [error.value]);

  return {
    element,
    values: values.value,
    set: (field) => (text) => values.value = { ...values.value, [field]: text },
    problem: (field) =>
      (wasSent.value ? problemsOf(values.value)[field] : undefined) ??
        (refusal?.field === field ? refusal.text : undefined),
    failure: refusal ? null : error.value,
    isBusy,
    submit: (event) => {
      event.preventDefault();
      wasSent.value = true;
      const problems = problemsOf(values.value);
      const first = (Object.keys(values.value) as (keyof T)[]).find((field) => problems[field]);
      if (first !== undefined) focus(first);
      else void run(() => onSubmit(values.value));
    },
    clear: () => {
      values.value = initial;
      wasSent.value = false;
    },
  };
}
