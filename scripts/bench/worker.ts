/** A program of the benchmark's own, on the cores that this process has: started, talked to, ended with us. */

/** A running worker that sends messages of one type. */
export interface Worker<M> {
  readonly pid: number;
  send(message: unknown): void;
  /** The next message. Rejects when the worker ends first or nothing comes in time. */
  next(deadlineMs?: number): Promise<M>;
  stop(): Promise<void>;
}

const ANSWER_WITHIN_MS = 120_000;

/** Starts a script of this folder under Bun. */
export function startWorker<M>(script: string): Worker<M> {
  const waiting: ((message: M) => void)[] = [];
  const unread: M[] = [];
  const child = Bun.spawn([process.execPath, script], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc(message: M) {
      const taker = waiting.shift();
      if (taker) taker(message);
      else unread.push(message);
    },
  });
  return {
    pid: child.pid,
    send: (message) => child.send(message),
    async next(deadlineMs = ANSWER_WITHIN_MS) {
      const first = unread.shift();
      if (first !== undefined) return first;
      const { promise, resolve, reject } = Promise.withResolvers<M>();
      waiting.push(resolve);
      const timer = setTimeout(() => reject(new Error(`${script}: no answer`)), deadlineMs);
      child.exited.then((code) => reject(new Error(`${script}: ended with exit code ${code}`)));
      return await promise.finally(() => clearTimeout(timer));
    },
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}
