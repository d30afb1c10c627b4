/** The owner's actions on a node: pause, drain, rename, rotate its token. */

import { useSignal } from "@preact/signals";
import type { OwnNodeView, RotatedKey } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Confirm } from "../../part/Confirm.tsx";
import { Icon } from "../../part/Icon.tsx";
import { ErrorNotice } from "../../part/Notice.tsx";
import { useSubmit } from "../../state/submit.ts";
import { PauseDialog } from "./PauseDialog.tsx";
import { RenameDialog } from "./RenameDialog.tsx";
import { NewTokenDialog } from "./NewTokenDialog.tsx";
import { buttonClass } from "../../part/button.ts";
import * as style from "./OwnerActions.module.css";
import * as buttonStyle from "../../part/button.module.css";
import { messages } from "../../state/locale.ts";
import { texts } from "./texts.ts";

interface Props {
  node: OwnNodeView;
  onChange: () => void;
}

export function OwnerActions({ node, onChange }: Props) {
  const t = texts.value;
  const isPausing = useSignal(false);
  const isRenaming = useSignal(false);
  const isDraining = useSignal(false);
  const isRotating = useSignal(false);
  const rotated = useSignal<RotatedKey | null>(null);
  const { isBusy, error, run } = useSubmit();
  const isPaused = node.paused_at !== null;

  const resume = () =>
    run(async () => {
      await api.changeNode(node.id, { paused: false });
      onChange();
    });
  const drain = async () => {
    await api.drainNode(node.id);
    onChange();
  };
  const rotate = async () => {
    rotated.value = await api.rotateNodeToken(node.id, {});
    onChange();
  };
  return (
    <div class={style.actions}>
      <div class={buttonStyle.actions}>
        <button
          type="button"
          class={buttonClass()}
          aria-disabled={isBusy.value}
          onClick={() => isPaused ? resume() : isPausing.value = true}
        >
          <Icon name={isPaused ? "play" : "pause"} />{" "}
          {isPaused ? messages.value.nodes.resume : messages.value.nodes.pause}
        </button>
        {node.live && node.live.state !== "draining" && (
          <button
            type="button"
            class={buttonClass()}
            onClick={() => isDraining.value = true}
          >
            <Icon name="draining" /> {t.drain}
          </button>
        )}
        <button type="button" class={buttonClass()} onClick={() => isRenaming.value = true}>
          <Icon name="edit" /> {t.rename}
        </button>
        <button type="button" class={buttonClass()} onClick={() => isRotating.value = true}>
          <Icon name="rotate" /> {t.rotate}
        </button>
      </div>
      {error.value && <ErrorNotice error={error.value} />}
      <Confirm isOpen={isDraining} {...t.drainQuestion} action={t.drain} onConfirm={drain} />
      <Confirm isOpen={isRotating} {...t.rotateQuestion} action={t.rotate} onConfirm={rotate} />
      <PauseDialog isOpen={isPausing} node={node} onChange={onChange} />
      <RenameDialog isOpen={isRenaming} node={node} onChange={onChange} />
      {rotated.value && (
        <NewTokenDialog
          token={rotated.value.token}
          onClose={() => rotated.value = null}
        />
      )}
    </div>
  );
}
