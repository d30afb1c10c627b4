/** Sets or clears the name that its owner gives a node. */

import { type Signal, useSignal } from "@preact/signals";
import type { OwnNodeView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { EditForm } from "../../part/EditForm.tsx";
import { Field } from "../../part/Field.tsx";
import { fieldProblem } from "../../part/Notice.tsx";
import { useSubmit } from "../../state/submit.ts";
import { texts } from "./texts.ts";

interface Props {
  isOpen: Signal<boolean>;
  node: OwnNodeView;
  onChange: () => void;
}

export function RenameDialog({ isOpen, node, onChange }: Props) {
  const t = texts.value;
  return (
    <Dialog isOpen={isOpen} title={t.rename}>
      <Form isOpen={isOpen} node={node} onChange={onChange} />
    </Dialog>
  );
}

function Form({ isOpen, node, onChange }: Props) {
  const t = texts.value;
  const name = useSignal(node.label ?? "");
  const { isBusy, error, run } = useSubmit();
  const close = () => {
    isOpen.value = false;
  };
  const save = () =>
    void run(async () => {
      await api.changeNode(node.id, { label: name.value.trim() || null });
      close();
      onChange();
    });
  return (
    <EditForm
      isBusy={isBusy}
      error={error.value}
      fields={["label"]}
      onSubmit={save}
      onCancel={close}
    >
      <Field
        label={t.name}
        name="label"
        autocomplete="off"
        value={name.value}
        onInput={(text) => name.value = text}
        hint={t.nameHint}
        problem={fieldProblem(error.value, "label")}
      />
    </EditForm>
  );
}
