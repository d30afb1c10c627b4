/** A form that is the whole of its page. */

import type { ComponentChildren } from "preact";
import { buttonClass } from "../../part/button.ts";
import { ErrorNotice } from "../../part/Notice.tsx";
import type { Form } from "../../state/form.ts";
import { messages } from "../../state/locale.ts";
import * as formStyle from "../../part/form.module.css";
import * as panelStyle from "../../part/panel.module.css";

interface Props {
  form: Pick<Form<unknown>, "element" | "failure" | "isBusy" | "submit">;
  action: string;
  /** The fields. */
  children: ComponentChildren;
}

export function PanelForm({ form, action, children }: Props) {
  return (
    <form
      ref={form.element}
      class={`${panelStyle.panel} ${formStyle.form}`}
      noValidate
      onSubmit={form.submit}
    >
      {form.failure && <ErrorNotice error={form.failure} />}
      {children}
      <button
        type="submit"
        class={buttonClass("primary", "large")}
        aria-disabled={form.isBusy.value}
      >
        {form.isBusy.value ? messages.value.loading : action}
      </button>
    </form>
  );
}
