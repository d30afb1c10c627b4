/** The conversation so far, scrolled to its end while an answer grows. */

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { NodeView } from "../../../api/mod.ts";
import { Icon } from "../../part/Icon.tsx";
import { paths } from "../../route.ts";
import { messages } from "../../state/locale.ts";
import { AnswerCard } from "./AnswerCard.tsx";
import type { Conversation, Turn } from "./conversation.ts";
import { buttonClass } from "../../part/button.ts";
import * as style from "./Transcript.module.css";

interface Props {
  conversation: Conversation;
  nodes: readonly NodeView[] | null;
  /** Models online now; null until known. */
  models: readonly string[] | null;
  onAsk: (text: string) => void;
  onAgain: () => void;
}

export function Transcript({ conversation, nodes, models, onAsk, onAgain }: Props) {
  const t = messages.value.playground;
  const box = useRef<HTMLDivElement>(null);
  const turns = conversation.turns.value;
  useFollow(box, conversation);
  return (
    <div ref={box} class={style.transcript} tabIndex={0} role="log" aria-label={t.transcript}>
      {turns.length === 0 && <EmptyTranscript models={models} onAsk={onAsk} />}
      {turns.map((turn, i) => (
        <Exchange
          key={i}
          turn={turn}
          nodes={nodes}
          onAgain={i === turns.length - 1 ? onAgain : undefined}
        />
      ))}
    </div>
  );
}

interface ExchangeProps {
  turn: Turn;
  nodes: readonly NodeView[] | null;
  onAgain?: (() => void) | undefined;
}

function Exchange({ turn: { asked, answers }, nodes, onAgain }: ExchangeProps) {
  const t = messages.value.playground;
  return (
    <section class={style.exchange}>
      <div class={style.asked}>
        <h2 class="off-screen">{t.you}</h2>
        {asked.images.map((url, i) => <img key={i} src={url} alt={t.imageOf(i + 1)} />)}
        {asked.text && <p>{asked.text}</p>}
      </div>
      <div class={answers.length > 1 ? `${style.answers} ${style.two}` : style.answers}>
        {answers.map((answer, i) => (
          <AnswerCard key={i} answer={answer} nodes={nodes} onAgain={onAgain} />
        ))}
      </div>
    </section>
  );
}

interface BeginningProps {
  models: readonly string[] | null;
  onAsk: (text: string) => void;
}

function EmptyTranscript({ models, onAsk }: BeginningProps) {
  const t = messages.value.playground;
  if (models?.length === 0) {
    return (
      <div class={style.empty}>
        <h2>{t.noModel}</h2>
        <p>{t.nobodyText}</p>
        <a class={buttonClass("primary")} href={`${paths.nodes}?add`}>{messages.value.nodes.add}</a>
      </div>
    );
  }
  return (
    <div class={style.empty}>
      <h2>{t.beginTitle}</h2>
      <p>{t.beginText}</p>
      <ul class={style.samples} data-part="samples">
        {t.samples.map((sample) => (
          <li key={sample}>
            <button
              type="button"
              class={buttonClass()}
              aria-disabled={models === null}
              onClick={() => models && onAsk(sample)}
            >
              {sample} <Icon name="arrow" />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Within this distance of the end, the page keeps scrolling along. */
const NEAR_END_PX = 80;

/** Scrolls along while an answer grows, unless the user has scrolled away from the end. */
function useFollow(box: { current: HTMLDivElement | null }, conversation: Conversation): void {
  useEffect(() => {
    let isFollowing = true;
    const element = box.current;
    if (!element) return;
    const onScroll = () => {
      const left = element.scrollHeight - element.scrollTop - element.clientHeight;
      isFollowing = left < NEAR_END_PX;
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    const resized = new ResizeObserver(() => {
      if (isFollowing) element.scrollTop = element.scrollHeight;
    });
    const stop = effect(() => {
      conversation.turns.value;
      isFollowing = true;
      resized.disconnect();
      queueMicrotask(() => {
        for (const child of element.children) resized.observe(child);
      });
    });
    return () => {
      stop();
      resized.disconnect();
      element.removeEventListener("scroll", onScroll);
    };
  }, [conversation]);
}
