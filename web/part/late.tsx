/** Code that is loaded when it is needed, also while the gateway restarts. */

import type { ComponentType } from "preact";
import lazy from "preact-iso/lazy";
import { messages } from "../state/locale.ts";
import { buttonClass } from "./button.ts";
import { Notice } from "./Notice.tsx";

/** Waits before a page's code is asked for again: a gateway that restarts is back within these. */
const CODE_RETRIES_MS = [500, 2_000, 5_000];

/** A page, or a part of one, whose code is loaded when it is first opened. */
export function late<P extends object>(
  load: () => Promise<ComponentType<P>>,
): ComponentType<P> {
  return lazy(() => persistently(load).catch(() => OtherVersion as ComponentType<P>));
}

/** Loads code, also while the gateway restarts. Rejects when it is not available. */
export async function persistently<T>(load: () => Promise<T>): Promise<T> {
  for (const waitMs of CODE_RETRIES_MS) {
    try {
      return await load();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
  return load();
}

/** Stands for a page whose code the gateway does not have any more. */
export function OtherVersion() {
  const { otherVersion, reload } = messages.value;
  return (
    <Notice tone="warning">
      {otherVersion}{" "}
      <button type="button" class={buttonClass("quiet")} onClick={() => location.reload()}>
        {reload}
      </button>
    </Notice>
  );
}
