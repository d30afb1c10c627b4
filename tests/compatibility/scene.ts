/** One gateway and one node over independent upstreams, for every client. */

import Anthropic from "@anthropic-ai/sdk";
import { LLMock } from "@copilotkit/aimock";
import OpenAI from "openai";
import { ask } from "../harness/api.ts";
import { createAccount } from "../harness/account.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import { startGateway } from "../harness/gateway.ts";
import { startNode } from "../harness/node.ts";
import type { Upstream } from "../harness/upstream.ts";
import { until } from "../harness/wait.ts";
import { checkedFetch } from "./checked_fetch.ts";
import type { Provider } from "./feature.ts";
import { JUDGE_MODEL, PLAIN_MODEL, QUIRKY_MODEL, startPlainServer } from "./plain_server.ts";
import { tellStories } from "./stories.ts";
import { type RecordedClaude, recordedModels, startRecordedClaude } from "./recorded_claude.ts";

export interface Scene {
  /** `http://127.0.0.1:PORT` */
  gateway: string;
  apiKey: string;
  /** The provider type under test. */
  provider: Provider;
  /** A model of that provider, served by aimock with the fixtures of stories.ts. */
  model: string;
  /** A model of plain_server.ts, for features that aimock lacks. */
  plainModel: string;
  /** A model of the same aimock behind a server of chat completions only. */
  chatOnlyModel: string;
  /** A model of plain_server.ts that serves rerank and moderations only. */
  judgeModel: string;
  plain: Upstream;
  aimock: LLMock;
  /** Anthropic's API over recorded answers, as `recorded/…`. */
  recorded: RecordedClaude;
  openai: OpenAI;
  anthropic: Anthropic;
  /** A fetch for other clients, with the same shape checks. */
  fetch: typeof fetch;
  /** Rejects if the gateway or the node built an answer of another shape. */
  verified(): Promise<void>;
}

/** Starts everything and resolves with one scene per provider. */
export async function startScenes(): Promise<Record<Provider, Scene>> {
  const aimock = tellStories(new LLMock({ port: 0, logLevel: "silent" }));
  await aimock.start();
  endAfterTests(() => aimock.stop());
  const plain = startPlainServer();
  const recorded = startRecordedClaude();
  const chatOnly = startChatOnly(aimock.url);
  // Without penalties, one test's failure does not affect the next.
  const gateway = await startGateway({ env: { COLINK_PENALTY_SECONDS: "0" } });
  const { clientToken, apiToken } = await createAccount(gateway);
  await startNode({
    gateway,
    clientToken,
    maxParallel: 10,
    providers: [
      {
        type: "openai",
        api_key: "sk-aimock",
        base_url: `${aimock.url}/`,
        models: [{ local: "gpt-4o", server_mapping: "openai-model" }],
      },
      {
        type: "openai",
        base_url: chatOnly,
        models: [{ local: "gpt-4o", server_mapping: "chat-only-model" }],
      },
      {
        type: "claude",
        api_key: "sk-ant-aimock",
        base_url: aimock.url,
        models: [{ local: "claude-sonnet-4-5", server_mapping: "claude-model" }],
      },
      {
        type: "openai",
        base_url: plain.url,
        models: [
          { local: PLAIN_MODEL },
          { local: QUIRKY_MODEL },
          { local: JUDGE_MODEL, server_mapping: "judge", endpoints: ["rerank", "moderations"] },
        ],
      },
      {
        type: "claude",
        base_url: `${recorded.url}/v1/`,
        models: [
          ...recordedModels.map((local) => ({ local, server_mapping: `recorded/${local}` })),
          { local: "claude-sonnet-4-5", server_mapping: "recorded-sonnet" },
          { local: "claude-opus-5-5", server_mapping: "recorded-newest" },
        ],
      },
      {
        type: "openai",
        base_url: `${aimock.url}/api/v1`,
        models: { auto: { prefix: "router/", allow: ["openai/*"] } },
      },
    ],
  });
  await until("the providers' lists are known", async () => {
    const { json } = await ask<{ data: { id: string; context_length?: number }[] }>(
      `${gateway.url}/v1/models`,
      { token: apiToken },
    );
    return json.data.filter(({ context_length }) => context_length !== undefined)
      .length > recordedModels.length;
  });
  const sceneOf = (provider: Provider): Scene => {
    const { fetch, verified } = checkedFetch(provider);
    const options = { apiKey: apiToken, maxRetries: 0, fetch };
    return {
      gateway: gateway.url,
      apiKey: apiToken,
      provider,
      model: `${provider}-model`,
      plainModel: PLAIN_MODEL,
      chatOnlyModel: "chat-only-model",
      judgeModel: "judge",
      plain,
      aimock,
      recorded,
      openai: new OpenAI({ baseURL: `${gateway.url}/v1`, ...options }),
      anthropic: new Anthropic({ baseURL: gateway.url, ...options }),
      fetch,
      verified,
    };
  };
  return { openai: sceneOf("openai"), claude: sceneOf("claude") };
}

/** A server that passes chat completions on, and has nothing else. Returns its address. */
function startChatOnly(target: string): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (!pathname.endsWith("/chat/completions")) {
        return new Response("Not Found", { status: 404 });
      }
      return await fetch(`${target}${pathname}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: "Bearer sk-aimock" },
        body: await request.text(),
      });
    },
  });
  endAfterTests(() => server.stop(true));
  return `http://127.0.0.1:${server.port}/v1`;
}
