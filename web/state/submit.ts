/** An action of the user at the gateway: one at a time, with its error kept to be shown. */

import { type ReadonlySignal, useSignal } from "@preact/signals";
import { ApiError } from "../api.ts";

export interface Submit {
  isBusy: ReadonlySignal<boolean>;
  /** Why the last action failed; null while one runs and after one succeeded. */
  error: ReadonlySignal<ApiError | null>;
  /** Does nothing while an action runs, so that a double click acts once. */
  run: (action: () => Promise<void>) => Promise<void>;
}

export function useSubmit(): Submit {
  const isBusy = useSignal(false);
  const error = useSignal<ApiError | null>(null);

  const run = async (action: () => Promise<void>) => {
    if (isBusy.value) return;
    isBusy.value = true;
    error.value = null;
    try {
      await action();
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      error.value = failure;
    } finally {
      isBusy.value = false;
    }
  };

  return { isBusy, error, run };
}
