/** Below which path of its host the gateway serves the console. */

/** Empty, or a path such as `/co-link` that the gateway has written into the page. Unit tests have no page. */
export const base: string = globalThis.document?.documentElement?.dataset.base ?? "";
