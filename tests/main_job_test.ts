/** The main job through real processes: an SDK, a gateway, a node, an upstream. */

import { beforeAll, expect, test } from "bun:test";
import OpenAI from "openai";
import { type Account, createAccount } from "./harness/account.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { startNode } from "./harness/node.ts";
import { startUpstream, type Upstream } from "./harness/upstream.ts";

let gateway: Gateway;
let upstream: Upstream;
let owner: Account;
let caller: OpenAI;

beforeAll(async () => {
  gateway = await startGateway();
  upstream = startUpstream();
  owner = await createAccount(gateway);
  await startNode({
    gateway,
    clientToken: owner.clientToken,
    providers: [{
      type: "openai",
      api_key: "sk-upstream",
      base_url: upstream.url,
      models: [{ local: "local-model", server_mapping: "pro-model" }],
    }],
  });
  const someoneElse = await createAccount(gateway);
  caller = new OpenAI({
    baseURL: `${gateway.url}/v1`,
    apiKey: someoneElse.apiToken,
    maxRetries: 0,
  });
}, 180_000);

const messages = [{ role: "user" as const, content: "one two three, all through the gateway" }];

test("an account calls another account's node and gets its whole answer", async () => {
  const answer = await caller.chat.completions.create({ model: "pro-model", messages });
  expect(answer.choices[0]?.message.content).toBe("one two three, all through the gateway");
  expect(answer.choices[0]?.finish_reason).toBe("stop");
  expect(answer.usage?.completion_tokens).toBe(7);
});

test("the same answer arrives as a stream, in the pieces in which it was made", async () => {
  const pieces: string[] = [];
  let finish: string | null | undefined;
  const stream = await caller.chat.completions.create({
    model: "pro-model",
    messages,
    stream: true,
  });
  for await (const chunk of stream) {
    pieces.push(chunk.choices[0]?.delta.content ?? "");
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  expect(pieces.filter(Boolean)).toHaveLength(7);
  expect(pieces.join("")).toBe("one two three, all through the gateway");
  expect(finish).toBe("stop");
});

test("the upstream sees its own model's name, its own key and every field of the caller's body", async () => {
  await caller.chat.completions.create({
    model: "pro-model",
    messages,
    temperature: 0.25,
    seed: 7,
  });
  const call = upstream.calls.at(-1);
  expect(call?.body).toMatchObject({ model: "local-model", messages, temperature: 0.25, seed: 7 });
  expect(call?.headers.get("authorization")).toBe("Bearer sk-upstream");
});

test("the model list names the node's model", async () => {
  const models = await Array.fromAsync(caller.models.list());
  expect(models.map((model) => model.id)).toEqual(["pro-model"]);
});
