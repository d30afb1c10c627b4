/** The command palette (Ctrl/Cmd-K): a text field and the matching commands. */

import { type Signal, useSignal } from "@preact/signals";
import { Fragment } from "preact";
import { useEffect, useId } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import type { NodeView } from "../../api/mod.ts";
import { api } from "../api.ts";
import { Icon } from "../part/Icon.tsx";
import { useModal } from "../part/use_modal.ts";
import { messages } from "../state/locale.ts";
import { type Command, commands, found } from "./commands.ts";
import * as style from "./Palette.module.css";

/** Commands shown at most; typing one more letter is faster than reading more. */
const SHOWN = 50;

export function Palette({ isOpen }: { isOpen: Signal<boolean> }) {
  const dialog = useModal(isOpen);
  const close = () => {
    isOpen.value = false;
  };
  return (
    <dialog
      ref={dialog}
      class={style.palette}
      aria-label={messages.value.palette.title}
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      {isOpen.value && <Line close={close} />}
    </dialog>
  );
}

function Line({ close }: { close: () => void }) {
  const t = messages.value.palette;
  const id = useId();
  const { route } = useLocation();
  const query = useSignal("");
  const chosen = useSignal(0);
  const nodes = useSignal<readonly NodeView[]>([]);
  const list = found(commands(nodes.value), query.value, SHOWN);
  const at = Math.min(chosen.value, list.length - 1);

  useEffect(() => {
    const loading = new AbortController();
    // On failure the palette still has its pages and actions.
    api.nodes(loading.signal).then((answer) => nodes.value = answer.nodes, () => {});
    return () => loading.abort();
  }, []);
  useEffect(() => {
    document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [at]);

  const run = ({ act }: Command) => {
    close();
    if (typeof act === "string") route(act);
    else act();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const one = list[at];
    if (step !== undefined) chosen.value = (at + step + list.length) % list.length;
    else if (event.key === "Enter" && one) run(one);
    else return;
    event.preventDefault();
  };

  return (
    <>
      <div class={style.line}>
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-label={t.title}
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={list.length > 0 ? `${id}-${at}` : undefined}
          placeholder={t.placeholder}
          spellcheck={false}
          autocomplete="off"
          autofocus
          value={query.value}
          onInput={(event) => {
            query.value = event.currentTarget.value;
            chosen.value = 0;
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div id={`${id}-list`} class={style.list} role="listbox" aria-label={t.title}>
        {list.map((command, i) => (
          <Fragment key={`${command.group} ${command.name} ${i}`}>
            {command.group !== list[i - 1]?.group && (
              <p role="presentation">{t.groups[command.group]}</p>
            )}
            <div
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === at}
              onClick={() => run(command)}
              onPointerMove={() => chosen.value = i}
            >
              <Icon name={command.icon} />
              {command.name}
              {command.keys && <kbd>{command.keys}</kbd>}
            </div>
          </Fragment>
        ))}
      </div>
      {list.length === 0 && <p class={style.none} role="status">{t.none}</p>}
    </>
  );
}
