/** How long the page's own thread was ever busy at a stretch. */

import type { Browser, Page } from "playwright-core";

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** Microseconds of the thread's own time: what other programs took of the machine is none of it. */
  tdur?: number;
  args?: { name?: string };
}

/** In milliseconds of the thread's own time, while `scene` is played. */
export async function longestTaskMs(
  browser: Browser,
  page: Page,
  scene: () => Promise<void>,
): Promise<number> {
  await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline"] });
  await scene();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: TraceEvent[];
  };
  const pages = new Set(
    traceEvents
      .filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain")
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  const tasks = traceEvents.filter(({ name, pid, tid }) =>
    name === "RunTask" && pages.has(`${pid} ${tid}`)
  );
  if (!tasks.some(({ tdur }) => tdur !== undefined)) {
    throw new Error("Cannot tell how long tasks took: the browser traced none");
  }
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur / 1000));
}
