/** Pauses a node, for a while or until it is resumed. */

import { type Signal, useSignal } from "@preact/signals";
import type { OwnNodeView } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { EditForm } from "../../part/EditForm.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { serverNow } from "../../state/clock.ts";
import { useSubmit } from "../../state/submit.ts";
import { messages } from "../../state/locale.ts";
import { texts } from "./texts.ts";

interface Props {
  isOpen: Signal<boolean>;
  node: OwnNodeView;
  onChange: () => void;
}

/** In hours; 0: until it is resumed. */
const lengths = ["0", "1", "2", "8", "24"] as const;
const HOUR_MS = 3_600_000;

export function PauseDialog({ isOpen, node, onChange }: Props) {
  const t = texts.value;
  const hours = useSignal<typeof lengths[number]>("0");
  const { isBusy, error, run } = useSubmit();
  const close = () => {
    isOpen.value = false;
  };
  const pause = () =>
    void run(async () => {
      const ms = Number(hours.value) * HOUR_MS;
      const paused_until = ms === 0 ? null : serverNow() + ms;
      await api.changeNode(node.id, { paused: true, paused_until });
      close();
      onChange();
    });
  return (
    <Dialog isOpen={isOpen} title={t.pauseQuestion.title} text={t.pauseQuestion.text}>
      <EditForm
        isBusy={isBusy}
        error={error.value}
        fields={[]}
        action={messages.value.nodes.pause}
        onSubmit={pause}
        onCancel={close}
      >
        <SelectField
          label={t.pauseFor}
          name="hours"
          options={lengths}
          chosen={hours.value}
          nameOf={(one) => t.pauseLength(Number(one))}
          onChoose={(one) => hours.value = one}
        />
      </EditForm>
    </Dialog>
  );
}
