/** Gives a key a new token; the old one keeps working for a chosen time. */

import { useSignal } from "@preact/signals";
import type { KeyView, RotatedKey } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Dialog } from "../../part/Dialog.tsx";
import { ErrorNotice } from "../../part/Notice.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { messages } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { FreshKey } from "./FreshKey.tsx";
import { nameOf } from "./limits.ts";
import { buttonClass } from "../../part/button.ts";
import * as formStyle from "../../part/form.module.css";
import * as buttonStyle from "../../part/button.module.css";

interface Props {
  entry: KeyView;
  onChange: () => void;
  onClose: () => void;
}

/** In seconds. */
const overlaps = ["0", "3600", "86400", "604800"] as const;

export function RotateDialog({ entry, onChange, onClose }: Props) {
  const t = messages.value.keys;
  const isOpen = useSignal(true);
  const overlap = useSignal<typeof overlaps[number]>("86400");
  const rotated = useSignal<RotatedKey | null>(null);
  const { isBusy, error, run } = useSubmit();
  const close = () => {
    isOpen.value = false;
  };
  const rotate = () =>
    run(async () => {
      rotated.value = await api.rotateKey(entry.id, { overlap_seconds: Number(overlap.value) });
      onChange();
    });
  return (
    <Dialog
      isOpen={isOpen}
      title={t.rotate(nameOf(entry))}
      text={rotated.value ? entry.is_default ? t.stays : t.once : t.rotateText[entry.kind]}
      width={rotated.value ? "wide" : "narrow"}
      onClose={onClose}
    >
      {rotated.value
        ? (
          <FreshKey
            created={rotated.value}
            done={entry.is_default ? messages.value.close : t.saved}
            onDone={close}
          />
        )
        : (
          <div class={formStyle.form}>
            {error.value && <ErrorNotice error={error.value} />}
            <SelectField
              label={t.overlap}
              name="overlap"
              options={overlaps}
              chosen={overlap.value}
              nameOf={(one) => t.overlaps[one]}
              onChoose={(one) => overlap.value = one}
            />
            <div class={buttonStyle.actionsEnd}>
              <button type="button" class={buttonClass()} onClick={close}>
                {messages.value.cancel}
              </button>
              <button
                type="button"
                class={buttonClass("primary")}
                aria-disabled={isBusy.value}
                onClick={rotate}
              >
                {t.rotateAction}
              </button>
            </div>
          </div>
        )}
    </Dialog>
  );
}
