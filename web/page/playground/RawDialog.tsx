/** A call's raw request and the events of its response. */

import { useSignal } from "@preact/signals";
import { Code } from "../../part/Code.tsx";
import { Dialog } from "../../part/Dialog.tsx";
import { messages } from "../../state/locale.ts";
import type { Answer } from "./answer.ts";

export function RawDialog({ answer, onClose }: { answer: Answer; onClose: () => void }) {
  const t = messages.value.playground;
  const isOpen = useSignal(true);
  const { requestId } = answer.figures.value;
  return (
    <Dialog isOpen={isOpen} title={t.rawTitle} width="wide" onClose={onClose}>
      {requestId && (
        <p class="hint">
          {t.requestId} <code>{requestId}</code>
        </p>
      )}
      <Code title={t.sent} shown={JSON.stringify(answer.request, null, 2)} />
      <Code title={t.received(answer.raw.length)} shown={answer.raw.join("\n")} />
    </Dialog>
  );
}
