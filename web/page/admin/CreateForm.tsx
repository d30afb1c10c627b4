/** The form above a list that adds to it: fields in a row, then the button. */

import type { ComponentChildren } from "preact";
import type { Submit } from "../../state/submit.ts";
import { buttonClass } from "../../part/button.ts";
import { FormFailure } from "../../part/Notice.tsx";
import * as panelStyle from "../../part/panel.module.css";
import * as style from "./CreateForm.module.css";

interface Props {
  submit: Submit;
  /** Members of the request that have a field. */
  fields: readonly string[];
  action: string;
  onSubmit: () => Promise<void>;
  /** Below the form. */
  after?: ComponentChildren;
  /** The fields. */
  children: ComponentChildren;
}

export function CreateForm({ submit, fields, action, onSubmit, after, children }: Props) {
  const { isBusy, error, run } = submit;
  const create = (event: Event) => {
    event.preventDefault();
    void run(onSubmit);
  };
  return (
    <div class={panelStyle.panel}>
      <form class={style.create} noValidate onSubmit={create}>
        {children}
        <button type="submit" class={buttonClass("primary", "large")} aria-disabled={isBusy.value}>
          {action}
        </button>
      </form>
      <FormFailure error={error.value} fields={fields} />
      {after}
    </div>
  );
}
