/** Code that makes the same call as the conversation. */

import { useSignal } from "@preact/signals";
import { Choice } from "../../part/Choice.tsx";
import { Code } from "../../part/Code.tsx";
import { masked } from "../../part/CopyField.tsx";
import { Dialog } from "../../part/Dialog.tsx";
import { useGatewayAddress } from "../../state/address.ts";
import { messages } from "../../state/locale.ts";
import { type ProgramName, programs } from "./as_code.ts";
import type { ChatBody } from "./chat_request.ts";

interface Props {
  body: ChatBody;
  apiToken: string;
  onClose: () => void;
}

const names = Object.keys(programs) as ProgramName[];

export function CodeDialog({ body, apiToken, onClose }: Props) {
  const t = messages.value.playground;
  const isOpen = useSignal(true);
  const program = useSignal<ProgramName>("curl");
  const address = useGatewayAddress();
  const written = (token: string) => programs[program.value]({ address, apiToken: token, body });
  return (
    <Dialog
      isOpen={isOpen}
      title={t.asCodeTitle}
      text={messages.value.models.callText}
      width="wide"
      onClose={onClose}
    >
      <Choice label={t.language} options={names} value={program} />
      <Code title={program.value} shown={written(masked(apiToken))} copied={written(apiToken)} />
    </Dialog>
  );
}
