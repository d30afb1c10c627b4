/** One answer: model, folded reasoning, text, and its figures. */

import { useSignal } from "@preact/signals";
import type { NodeView } from "../../../api/mod.ts";
import { CopyButton } from "../../part/CopyButton.tsx";
import { Icon } from "../../part/Icon.tsx";
import { ErrorNotice } from "../../part/Notice.tsx";
import { nodePath } from "../../route.ts";
import { formatNumber, messages } from "../../state/locale.ts";
import type { Answer, Figures } from "./answer.ts";
import { Formatted } from "./Formatted.tsx";
import { RawDialog } from "./RawDialog.tsx";
import { buttonClass } from "../../part/button.ts";
import * as style from "./AnswerCard.module.css";
import * as buttonStyle from "../../part/button.module.css";

interface Props {
  answer: Answer;
  nodes: readonly NodeView[] | null;
  /** Asks the same question again; only for the last answer. */
  onAgain?: (() => void) | undefined;
}

export function AnswerCard({ answer, nodes, onAgain }: Props) {
  const t = messages.value.playground;
  const isRawOpen = useSignal(false);
  const state = answer.state.value;
  const text = answer.text.value;
  const isOver = answer.isOver.value;
  return (
    <article class={style.answer} aria-busy={!isOver}>
      <h3>
        <Icon name="model" /> {answer.model}
      </h3>
      <Reasoning text={answer.reasoning.value} isThinking={!isOver && text === ""} />
      {text && <Formatted text={text} />}
      {state === "waiting" && <p class={style.waiting} role="status">{t.waiting}</p>}
      {state === "stopped" && <p class="hint">{t.stopped}</p>}
      {answer.error.value && <ErrorNotice error={answer.error.value} />}
      {isOver && (
        <footer>
          <FigureLine figures={answer.figures.value} nodes={nodes} />
          <div class={buttonStyle.actions}>
            {text && <CopyButton text={text} label={t.answerOf(answer.model)} />}
            {answer.request && (
              <button
                type="button"
                class={buttonClass("small")}
                onClick={() => isRawOpen.value = true}
              >
                <Icon name="code" /> {t.raw}
              </button>
            )}
            {onAgain && (
              <button type="button" class={buttonClass("small")} onClick={onAgain}>
                <Icon name="rotate" /> {t.again}
              </button>
            )}
          </div>
        </footer>
      )}
      {isRawOpen.value && <RawDialog answer={answer} onClose={() => isRawOpen.value = false} />}
    </article>
  );
}

function Reasoning({ text, isThinking }: { text: string; isThinking: boolean }) {
  const t = messages.value.playground;
  if (text === "") return null;
  return (
    <details class={style.reasoning}>
      <summary>{isThinking ? t.thinking : t.thought}</summary>
      <p>{text}</p>
    </details>
  );
}

interface FigureProps {
  figures: Figures;
  nodes: readonly NodeView[] | null;
}

function FigureLine({ figures, nodes }: FigureProps) {
  const t = messages.value.playground;
  const { firstTokenMs, tokensPerSecond, completionTokens, nodeId } = figures;
  const node = nodes?.find(({ id }) => id === nodeId);
  return (
    <ul class={style.figures}>
      {firstTokenMs !== null && (
        <li title={t.firstTokenHint}>{t.firstToken(formatNumber(seconds(firstTokenMs)))}</li>
      )}
      {tokensPerSecond !== null && <li>{t.speed(formatNumber(rounded(tokensPerSecond)))}</li>}
      {completionTokens !== null && <li>{t.tokens(completionTokens)}</li>}
      {nodeId !== null && (
        <li>
          <Icon name="server" /> <a href={nodePath(nodeId)}>{node?.name ?? t.aNode}</a>
        </li>
      )}
    </ul>
  );
}

function seconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}

function rounded(perSecond: number): number {
  return perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond);
}
