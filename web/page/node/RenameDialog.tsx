/** Sets or clears the name that its owner gives a node. */

import { type Signal, useSignal } from "@preact/signals";
import type { OwnNodeView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { Field } from "../../part/Field.tsx";
import { ErrorNotice, fieldProblem } from "../../part/Notice.tsx";
import { messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { buttonClass } from "../../part/button.ts";
import * as formStyle from "../../part/form.module.css";
import * as buttonStyle from "../../part/button.module.css";

interface Props {
  isOpen: Signal<boolean>;
  node: OwnNodeView;
  onChange: () => void;
}

export function RenameDialog({ isOpen, node, onChange }: Props) {
  const t = messages.value.node;
  return (
    <Dialog isOpen={isOpen} title={t.rename}>
      <Form isOpen={isOpen} node={node} onChange={onChange} />
    </Dialog>
  );
}

function Form({ isOpen, node, onChange }: Props) {
  const t = messages.value.node;
  const name = useSignal(node.label ?? "");
  const { isBusy, error, run } = useSubmit();
  const problem = error.value ? fieldProblem(error.value, "label") : undefined;
  const submit = (event: Event) => {
    event.preventDefault();
    void run(async () => {
      await api.changeNode(node.id, { label: name.value.trim() || null });
      isOpen.value = false;
      onChange();
    });
  };
  return (
    <form class={formStyle.form} noValidate onSubmit={submit}>
      {error.value && problem === undefined && <ErrorNotice error={error.value} />}
      <Field
        label={t.name}
        name="label"
        autocomplete="off"
        value={name.value}
        onInput={(text) => name.value = text}
        hint={t.nameHint}
        problem={problem}
      />
      <div class={buttonStyle.actionsEnd}>
        <button type="button" class={buttonClass()} onClick={() => isOpen.value = false}>
          {messages.value.cancel}
        </button>
        <button type="submit" class={buttonClass("primary")} aria-disabled={isBusy.value}>
          {messages.value.save}
        </button>
      </div>
    </form>
  );
}
