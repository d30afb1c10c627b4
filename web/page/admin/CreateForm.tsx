/** The form above a list that adds to it: text fields in a row, then the button. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Field } from "../../part/Field.tsx";
import { fieldProblem, FormFailure } from "../../part/Notice.tsx";
import { buttonClass } from "../../part/button.ts";
import { useSubmit } from "../../state/submit.ts";
import * as panelStyle from "../../part/panel.module.css";
import * as style from "./CreateForm.module.css";

interface TextField {
  label: string;
  placeholder?: string;
  /** The id of a `datalist` with names to choose from. */
  list?: string;
}

interface Props<N extends string> {
  /** By the members of the request; each is empty again once it was sent. */
  fields: Readonly<Record<N, TextField>>;
  action: string;
  onSubmit: (texts: Readonly<Record<N, string>>) => Promise<void>;
  /** Below the form. */
  after?: ComponentChildren;
  /** Further fields. */
  children?: ComponentChildren;
}

export function CreateForm<N extends string>(props: Props<N>) {
  const { fields, action, onSubmit, after, children } = props;
  const names = Object.keys(fields) as N[];
  const empty = Object.fromEntries(names.map((name) => [name, ""])) as Record<N, string>;
  const texts = useSignal(empty);
  const { isBusy, error, run } = useSubmit();
  const create = (event: Event) => {
    event.preventDefault();
    void run(async () => {
      await onSubmit(texts.value);
      texts.value = empty;
    });
  };
  return (
    <div class={panelStyle.panel}>
      <form class={style.create} noValidate onSubmit={create}>
        {names.map((name) => (
          <Field
            key={name}
            {...fields[name]}
            name={name}
            autocomplete="off"
            value={texts.value[name]}
            onInput={(text) => texts.value = { ...texts.value, [name]: text }}
            problem={fieldProblem(error.value, name)}
          />
        ))}
        {children}
        <button type="submit" class={buttonClass("primary", "large")} aria-disabled={isBusy.value}>
          {action}
        </button>
      </form>
      <FormFailure error={error.value} fields={names} />
      {after}
    </div>
  );
}
