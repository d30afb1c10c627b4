/** Threads that hash passwords: of low priority, started when one is needed, ended when idle. */

import { buildFacts } from "../../release/mod.ts";
import { bcrypt, type PasswordHash } from "./bcrypt.ts";

/** What a thread is sent: a password to hash, or to compare with a hash. */
export type HashJob = { password: string } & ({ cost: number } | { hash: string });

/** What a thread answers: the hash or whether the password matches; or why neither is known. */
export type HashResult = { value: string | boolean } | { problem: string };

/** In a compiled program, from its root (see scripts/build.ts). */
const PROGRAM = new URL(
  buildFacts.target === null ? "./hash_thread.ts" : "server/account/hash_thread.js",
  import.meta.url,
);

/** A thread takes some 10 MiB, and some 50 ms to start. */
const END_IDLE_AFTER_MS = 5_000;

/** A thread that has not answered for so long, however busy the machine is, never will. */
const MAX_ANSWER_MS = 60_000;

/** A thread for each job at a time: how many these are is bounded by the caller. */
export class HashThreads implements PasswordHash {
  readonly #idle: HashThread[] = [];

  /** `program`: what a thread runs, and for how long it may; others in tests. */
  constructor(
    private readonly program: URL = PROGRAM,
    private readonly maxAnswerMs = MAX_ANSWER_MS,
  ) {}

  async hash(password: string, cost: number): Promise<string> {
    return await this.#run({ password, cost }, () => bcrypt.hash(password, cost)) as string;
  }

  async verify(password: string, hash: string): Promise<boolean> {
    return await this.#run({ password, hash }, () => bcrypt.verify(password, hash)) as boolean;
  }

  /** `otherwise`: without a thread, where the system starts none. */
  async #run(job: HashJob, otherwise: () => Promise<string | boolean>): Promise<string | boolean> {
    const thread = this.#idle.pop() ?? new HashThread(this.program);
    const result = await thread.run(job, this.maxAnswerMs);
    if (result === null) return await otherwise();
    this.#idle.push(thread);
    thread.onIdle(() => this.#left(thread));
    if ("problem" in result) throw new Error(result.problem);
    return result.value;
  }

  #left(thread: HashThread): void {
    const at = this.#idle.indexOf(thread);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}

class HashThread {
  readonly #worker: Worker;
  #timer: Timer | undefined;
  /** Called when the thread has ended: during a job, or while it is idle. */
  #onEnd = () => {};

  constructor(program: URL) {
    this.#worker = new Worker(program, { smol: true });
    this.#worker.onerror = () => this.#onEnd();
    this.#worker.addEventListener("close", () => this.#onEnd());
  }

  /** Null: the thread could not do it within the time, and has ended. */
  async run(job: HashJob, withinMs: number): Promise<HashResult | null> {
    clearTimeout(this.#timer);
    const { promise, resolve } = Promise.withResolvers<HashResult | null>();
    // The runtime delivers no other message before all that this one resolves has run.
    this.#worker.onmessage = ({ data }: MessageEvent<HashResult>) => {
      setImmediate(() => resolve(data));
    };
    this.#onEnd = () => resolve(null);
    this.#timer = setTimeout(this.#onEnd, withinMs);
    this.#worker.ref();
    this.#worker.postMessage(job);
    const result = await promise;
    clearTimeout(this.#timer);
    if (result === null) this.#worker.terminate();
    return result;
  }

  /** Ends the thread, unless it gets another job soon; calls `ended` when it ends, which it may by itself. It keeps no program alive meanwhile. */
  onIdle(ended: () => void): void {
    this.#onEnd = ended;
    this.#worker.unref();
    this.#timer = setTimeout(() => {
      ended();
      this.#worker.terminate();
    }, END_IDLE_AFTER_MS);
    this.#timer.unref();
  }
}
