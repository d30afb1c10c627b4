/** Runs hooks in a component that draws nothing, so that no page is needed. */

import { type ComponentChildren, h, render } from "preact";
import { act } from "preact/test-utils";

export interface Mounted<T> {
  /** What the hook returned last. */
  readonly current: T;
  /** Runs the component again, with `hook` in the place of the first one. */
  rerender(hook?: () => T): Promise<void>;
  unmount(): Promise<void>;
}

type Wrapper = (children: ComponentChildren) => ComponentChildren;

/** Mounts a component that calls `hook`, and runs its effects. `wrap` puts providers around it. */
export async function mount<T>(
  hook: () => T,
  wrap: Wrapper = (children) => children,
): Promise<Mounted<T>> {
  const parent = { nodeType: 1, childNodes: [], firstChild: null, namespaceURI: null };
  let latest = hook;
  let current!: T;
  const Probe = () => {
    current = latest();
    return null;
  };
  const draw = (isThere: boolean) =>
    settle(() => render(isThere ? wrap(h(Probe, {})) : null, parent as unknown as Element));
  await draw(true);
  return {
    get current() {
      return current;
    },
    rerender: (next = latest) => {
      latest = next;
      return draw(true);
    },
    unmount: () => draw(false),
  };
}

/** Does `what`, then lets promises, renders and effects that follow from it come to rest. */
export async function settle(what: () => unknown = () => {}): Promise<void> {
  await act(async () => {
    await what();
  });
  // Effects run when an act ends; what they start comes to rest in the next ones.
  for (let round = 0; round < 3; round++) {
    await act(async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve();
    });
  }
}
