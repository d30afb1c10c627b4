/** One thing that a person asks the gateway to do: once at a time, with its failure kept to be shown. */

import { type ReadonlySignal, useSignal } from "@preact/signals";
import { ApiError } from "../api.ts";

export interface Submit {
  isBusy: ReadonlySignal<boolean>;
  /** Why the last one failed; null while one runs and after one succeeded. */
  error: ReadonlySignal<ApiError | null>;
  /** Does nothing while one is under way: a second click is not a second wish. */
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
