/** Callers who have nothing to do with the attacks: whole answers and paced streams, at every gateway. */

import type { Account } from "../../../tests/harness/account.ts";
import { endAfterTests } from "../../../tests/harness/cleanup.ts";
import type { ClusterGateway } from "../../../tests/harness/cluster.ts";
import { query } from "../../../tests/harness/database.ts";
import { startNode } from "../../../tests/harness/node.ts";
import { acknowledged } from "../../../tests/harness/ledger.ts";
import { type Behaviour, say, startUpstream } from "../../../tests/harness/upstream.ts";
import { until } from "../../../tests/harness/wait.ts";
import { chatBody, RELAYED_MODEL } from "../../bench/chat.ts";
import { startUpstream as startPacedUpstream } from "../../bench/stage.ts";
import { quantile } from "../../bench/statistics.ts";
import { CHAT_PATH } from "../../bench/target.ts";
import { type Gaps, PacedStreams } from "../streams.ts";
import { HONEST_MODEL, POISONS } from "./poisons.ts";

const STREAMED_MODEL = "honest-streams";
const CALLERS_PER_GATEWAY = 3;
const STREAMS_PER_GATEWAY = 3;
/** Between one caller's answer and its next call. */
const PAUSE_MS = 60;
/** An answer that takes longer counts as none. */
const PATIENCE_MS = 20_000;
const ROWS_WITHIN_MS = 60_000;

/** What the honest callers got. */
export interface Service {
  calls: number;
  okShare: number;
  /** Of whole answers. */
  p50Ms: number;
  p99Ms: number;
  gaps: Gaps;
  /** Some of what went wrong. */
  problems: readonly string[];
}

interface Round {
  answersMs: number[];
  problems: string[];
}

export class HonestLoad {
  /** Ids of all calls that were answered, and how many streams were read besides. */
  readonly #ids = new Set<string>();
  #streams = 0;

  private constructor(
    private readonly gateways: readonly ClusterGateway[],
    private readonly caller: Account,
  ) {}

  /** With a node of the provider's at each gateway. */
  static async start(
    gateways: readonly ClusterGateway[],
    { caller, provider }: { caller: Account; provider: Account },
  ): Promise<HonestLoad> {
    const paced = await startPacedUpstream();
    endAfterTests(() => paced.stop());
    const upstream = startUpstream({ [HONEST_MODEL]: orPoisoned(say("hello")) });
    const models = [
      { url: upstream.url, local: HONEST_MODEL, shown: HONEST_MODEL },
      { url: `http://127.0.0.1:${paced.port}/v1`, local: RELAYED_MODEL, shown: STREAMED_MODEL },
    ];
    await Promise.all(gateways.map((gateway, i) =>
      startNode({
        gateway,
        name: `honest-${i}`,
        clientToken: provider.clientToken,
        maxParallel: 32,
        providers: models.map(({ url, local, shown }) => ({
          type: "openai",
          api_key: "sk-upstream",
          base_url: url,
          models: [{ local, server_mapping: shown }],
        })),
      })
    ));
    return new HonestLoad(gateways, caller);
  }

  async serveFor(ms: number, progress: (state: string) => void = () => {}): Promise<Service> {
    const untilMs = performance.now() + ms;
    const round: Round = { answersMs: [], problems: [] };
    const streams = await Promise.all(this.gateways.map(({ url }) => {
      const target = { port: Number(new URL(url).port), token: this.caller.apiToken };
      return PacedStreams.begin(target, STREAMED_MODEL, STREAMS_PER_GATEWAY);
    }));
    const callers = this.gateways.flatMap(({ url }) =>
      Array.from({ length: CALLERS_PER_GATEWAY }, () => this.#callUntil(untilMs, url, round))
    );
    const timer = setInterval(() => {
      progress(`${round.answersMs.length} calls, ${round.problems.length} failed`);
    }, 1000);
    await Promise.all(callers);
    clearInterval(timer);
    const gaps = joined(await Promise.all(streams.map((one) => one.end())));
    this.#streams += gaps.streams;
    return serviceOf(round, gaps);
  }

  /** How many of the calls that were answered are not in the ledger. */
  async rowsLost(databaseUrl: string): Promise<number> {
    await Promise.all(this.gateways.map(acknowledged));
    const owed = this.#ids.size + this.#streams;
    let lost = owed;
    await until("the ledger has every call", async () => {
      const statement = `select id, model from ledger where model in ` +
        `('${HONEST_MODEL}', '${STREAMED_MODEL}') and account_id = '${this.caller.user.id}'`;
      const rows = await query<{ id: string; model: string }>(databaseUrl, statement);
      const whole = rows.filter(({ id }) => this.#ids.has(id)).length;
      const streamed = rows.filter(({ model }) => model === STREAMED_MODEL).length;
      lost = this.#ids.size - whole + Math.max(0, this.#streams - streamed);
      return lost === 0;
    }, ROWS_WITHIN_MS).catch(() => {});
    return lost;
  }

  async #callUntil(untilMs: number, url: string, round: Round): Promise<void> {
    const body = chatBody({ model: HONEST_MODEL, streaming: null });
    while (performance.now() < untilMs) {
      const startedMs = performance.now();
      try {
        const answer = await fetch(`${url}${CHAT_PATH}`, {
          method: "POST",
          headers: { authorization: `Bearer ${this.caller.apiToken}` },
          body,
          signal: AbortSignal.timeout(PATIENCE_MS),
        });
        const text = await answer.text();
        this.#ids.add(answer.headers.get("x-request-id")!);
        if (answer.status === 200) round.answersMs.push(performance.now() - startedMs);
        else round.problems.push(`${answer.status} ${text}`);
      } catch (error) {
        round.problems.push(String(error));
      }
      await Bun.sleep(PAUSE_MS);
    }
  }
}

/** Answers as a model server does that cannot do what some request asks. */
function orPoisoned(behaviour: Behaviour): Behaviour {
  return (call) => {
    const poison = POISONS.find(({ prompt }) => call.text.includes(prompt));
    return poison === undefined ? behaviour(call) : poison.answer();
  };
}

function joined(all: readonly Gaps[]): Gaps {
  return {
    streams: all.reduce((sum, { streams }) => sum + streams, 0),
    problems: all.flatMap(({ problems }) => problems),
    p50Ms: Math.max(...all.map(({ p50Ms }) => p50Ms)),
    p99Ms: Math.max(...all.map(({ p99Ms }) => p99Ms)),
    longestMs: Math.max(...all.map(({ longestMs }) => longestMs)),
  };
}

function serviceOf({ answersMs, problems }: Round, gaps: Gaps): Service {
  const failed = [...problems, ...gaps.problems];
  const ok = answersMs.length + gaps.streams;
  const calls = ok + failed.length;
  return {
    calls,
    okShare: ok / calls,
    p50Ms: quantile(answersMs, 0.5),
    p99Ms: quantile(answersMs, 0.99),
    gaps,
    problems: failed.slice(0, 3),
  };
}

export function shownService({ calls, okShare, p50Ms, p99Ms, gaps, problems }: Service): string {
  const failed = problems.length === 0 ? "" : ` (${problems.join("; ")})`;
  return `${(100 * okShare).toFixed(2)} % of ${calls} ok${failed}, p50 ${
    p50Ms.toFixed(0)
  } ms, p99 ${p99Ms.toFixed(0)} ms, gaps of streams at 50 ms: p99 ${gaps.p99Ms.toFixed(0)} ms`;
}
