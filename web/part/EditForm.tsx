/** The form of a dialog: why the gateway refused it, the fields, then the buttons. */

import type { ComponentChildren, RefObject } from "preact";
import type { ReadonlySignal } from "@preact/signals";
import type { ApiError } from "../api.ts";
import { messages } from "../state/locale.ts";
import { buttonClass } from "./button.ts";
import { FormFailure } from "./Notice.tsx";
import * as buttonStyle from "./button.module.css";
import * as formStyle from "./form.module.css";
import * as pageStyle from "./Page.module.css";

interface Props {
  isBusy: ReadonlySignal<boolean>;
  error: ApiError | null;
  /** Members of the request that have a field: their problems are not repeated above the form. */
  fields: readonly string[];
  /** Default: to save. */
  action?: string;
  isDanger?: boolean;
  onSubmit: (event: Event) => void;
  /** Absent: there is no button that only closes. */
  onCancel?: () => void;
  /** Another action, apart from the two. */
  aside?: ComponentChildren;
  element?: RefObject<HTMLFormElement | null>;
  children: ComponentChildren;
}

export function EditForm(props: Props) {
  const { isBusy, error, fields, action, isDanger = false, onSubmit, onCancel, aside, element } =
    props;
  const submit = (event: Event) => {
    event.preventDefault();
    onSubmit(event);
  };
  return (
    <form ref={element ?? null} class={formStyle.form} noValidate onSubmit={submit}>
      <FormFailure error={error} fields={fields} />
      {props.children}
      <div class={aside ? pageStyle.toolbar : buttonStyle.actionsEnd}>
        {aside}
        <div class={buttonStyle.actionsEnd}>
          {onCancel && (
            <button type="button" class={buttonClass()} onClick={onCancel}>
              {messages.value.cancel}
            </button>
          )}
          <button
            type="submit"
            class={buttonClass(isDanger ? "danger" : "primary")}
            aria-disabled={isBusy.value}
          >
            {action ?? messages.value.save}
          </button>
        </div>
      </div>
    </form>
  );
}
