/** The example nodes in the pages about the wire run unchanged against a real gateway. */

import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { Program } from "../scripts/program.ts";
import { createAccount } from "./harness/account.ts";
import { endAfterTests, temporaryFolder } from "./harness/cleanup.ts";
import { startGateway } from "./harness/gateway.ts";
import { fenceOf, readMarkdown } from "./harness/markdown.ts";
import { listNodes } from "./harness/node.ts";
import { findPython } from "./harness/python.ts";
import { type Behaviour, hang, refuse, startUpstream, type Upstream } from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

const v1 = readMarkdown("docs/wire.md");
const v2 = readMarkdown("docs/wire-v2.md");
const { python, missing } = await findPython("websockets");

const nodes = [
  {
    page: v1,
    language: "javascript",
    interpreter: process.execPath,
    file: "node.mjs",
    missing: null,
  },
  { page: v1, language: "python", interpreter: python, file: "node.py", missing },
  { page: v2, language: "python", interpreter: python, file: "node.py", missing },
];

const QUESTION = "one two three";

for (const { page, language, interpreter, file, missing } of nodes) {
  if (missing !== null) {
    test.skip(`the ${language} node of ${page.path} serves calls (not run: ${missing})`, () => {});
    continue;
  }
  describe(`the ${language} node of ${page.path}`, () => {
    let upstream: Upstream;
    let client: OpenAI;
    let node: Program;
    let gateway: { url: string; wsUrl: string };

    beforeAll(async () => {
      gateway = await startGateway();
      upstream = startUpstream();
      const account = await createAccount(gateway);
      const folder = temporaryFolder();
      writeFileSync(join(folder, file), fenceOf(page, language));
      node = new Program(language, [interpreter, file], {
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          GATEWAY: gateway.wsUrl,
          CLIENT_TOKEN: account.clientToken,
          UPSTREAM: upstream.url,
        },
      });
      endAfterTests(() => node.kill());
      await until("the node is listed", async () => (await listNodes(gateway)).length === 1);
      client = new OpenAI({
        baseURL: `${gateway.url}/v1`,
        apiKey: account.apiToken,
        maxRetries: 0,
      });
    }, 180_000);

    test("serves a whole answer, under its upstream's own name of the model", async () => {
      const messages = [{ role: "user" as const, content: QUESTION }];
      const answer = await client.chat.completions.create({ model: "pro-model", messages });
      expect(answer.choices[0]?.message.content).toBe(QUESTION);
      expect(upstream.calls.at(-1)?.body.model).toBe("llama3.2");
    });

    test("serves a stream piece by piece", async () => {
      const pieces = await piecesOf(client);
      expect(pieces).toEqual(["one ", "two ", "three"]);
    });

    test("serves a prompt and an answer of 2 MiB, which v2 sends in parts", async () => {
      const content = "é".repeat(1024 * 1024);
      expect((await piecesOf(client, { content })).join("")).toBe(content);
    });

    test("relays the upstream's rejection unchanged", async () => {
      upstream.behave("llama3.2", refuse(422, "no such thing"));
      await expect(piecesOf(client)).rejects.toMatchObject({ status: 422, code: "upstream_422" });
    });

    test("stops its upstream when the caller has left a stream", async () => {
      upstream.behave("llama3.2", language === "python" ? slow() : hang());
      const caller = new AbortController();
      const call = piecesOf(client, { signal: caller.signal }).catch(() => "stopped");
      await until("the upstream is at work", () => upstream.active === 1);
      caller.abort();
      await call;
      await until("the upstream was let go", () => upstream.active === 0);
      await until(
        "the slot is free",
        async () => (await listNodes(gateway))[0]?.active_tasks === 0,
      );
    });

    test("never reports a truncated answer as complete", async () => {
      upstream.behave("llama3.2", () => events(EVENT));
      await expect(piecesOf(client)).rejects.toThrow("model server failed");
    });
  });
}

const EVENT = new TextEncoder().encode(
  `data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n`,
);

/** An endless stream that keeps sending, so that nodes that check for a cancel between chunks can stop it. */
function slow(): Behaviour {
  return () =>
    events(async function* () {
      for (;;) {
        await Bun.sleep(5);
        yield EVENT;
      }
    }());
}

/** An event stream that ends after the given pieces, as valid HTTP. */
function events(pieces: Uint8Array<ArrayBuffer> | AsyncIterable<Uint8Array>): Response {
  return new Response(pieces, { headers: { "content-type": "text/event-stream" } });
}

async function piecesOf(
  client: OpenAI,
  { content = QUESTION, signal }: { content?: string; signal?: AbortSignal } = {},
): Promise<string[]> {
  const messages = [{ role: "user" as const, content }];
  const stream = await client.chat.completions.create(
    { model: "pro-model", messages, stream: true },
    { signal },
  );
  const pieces: string[] = [];
  for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? "");
  return pieces.filter(Boolean);
}
