/**
 * From a fresh clone to a first streamed answer: `bun run quickstart [--check] [--demo] [--data DIR]`.
 * Then it stays up until Ctrl-C. `--check` stops everything instead and exits with 0 or 1.
 */

import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "./build.ts";
import { DEMO_MODEL } from "./demo_upstream.ts";
import { nextFreePort } from "./free_port.ts";
import { installMissing } from "./install.ts";
import { onInterruption } from "./interruption.ts";
import { ensureAccount } from "./quickstart/account.ts";
import { findModel } from "./quickstart/find_model.ts";
import type { ModelSource } from "./quickstart/model_source.ts";
import { Stack } from "./quickstart/stack.ts";
import { type Welcome, welcome } from "./quickstart/welcome.ts";
import { at } from "./root.ts";
import { Steps } from "./steps.ts";

const DEFAULT_PORT = 8080;

interface Options {
  check: boolean;
  demo: boolean;
  dataDir: string;
}

const steps = new Steps();

/** Resolves with the exit code. `interruption` aborts at Ctrl-C, which is the good end. */
async function main(options: Options, stack: Stack, interruption: AbortSignal): Promise<number> {
  try {
    const facts = await startAll(options, stack, interruption);
    if (options.check) {
      steps.say("Checked: a streamed answer came back through gateway and node.");
      return 0;
    }
    steps.say(welcome(facts));
    await Promise.race([aborted(interruption), stack.untilOneEnds()]);
    return 0;
  } catch (error) {
    if (interruption.aborted) return options.check ? 1 : 0;
    steps.say(`\n${error instanceof Error ? error.message : error}`);
    return 1;
  } finally {
    await stack.stop();
  }
}

async function startAll(
  { demo, dataDir }: Options,
  stack: Stack,
  interruption: AbortSignal,
): Promise<Welcome> {
  await steps.run("install what is missing", installMissing);
  await build(["web", "server", "client"], steps);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });

  const source = await chooseModel(demo, stack);
  const port = await choosePort();
  interruption.throwIfAborted();
  const url = await steps.run("start the gateway", () => stack.startGateway(port));
  const { email, password, user } = await steps.run(
    "make an account, or use the last one",
    () => ensureAccount(url, dataDir),
    (account) => account.email,
  );
  interruption.throwIfAborted();
  await steps.run("start a node", () => stack.startNode(url, user.client_token, source));
  const { model, origin } = source;
  await steps.run("wait for a first streamed answer", async () => {
    // Only now: it imports a dependency.
    const { firstAnswer } = await import("./quickstart/first_answer.ts");
    return await firstAnswer({ url, apiToken: user.api_token, model, signal: interruption })
      .catch((error) => {
        throw stack.failure(
          `cannot get an answer from ${model}: ${error.message}; ` +
            "see that the model answers by itself, or try --demo",
        );
      });
  }, (text) => JSON.stringify(text.slice(0, 60)));
  return { url, apiToken: user.api_token, model, origin, email, password, dataDir };
}

async function chooseModel(demo: boolean, stack: Stack): Promise<ModelSource> {
  const { source } = await steps.run("find a model", async () => {
    if (demo) return { source: demoSource(stack), notes: [] };
    const { found, notes } = await findModel({ env: process.env, fetch });
    return { source: found ?? demoSource(stack), notes };
  }, ({ source, notes }) => [`${source.model}, ${source.origin}`, ...notes].join("; "));
  return source;
}

function demoSource(stack: Stack): ModelSource {
  return {
    origin: "the built-in demo, which is no model",
    model: DEMO_MODEL,
    provider: { type: "openai", api_key: "none", base_url: stack.startDemo() },
  };
}

/** What `PORT` asks for, or the next free one. */
async function choosePort(): Promise<number> {
  const wanted = Number(process.env.PORT?.trim() || DEFAULT_PORT);
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65_535) {
    throw new Error(`Cannot listen: PORT="${process.env.PORT}" is not a number from 0 to 65535`);
  }
  if (wanted === 0) return 0;
  const port = await nextFreePort(wanted);
  if (port !== wanted) steps.say(`  Port ${wanted} is taken by another program: using ${port}.`);
  return port;
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      check: { type: "boolean", default: false },
      demo: { type: "boolean", default: false },
      data: { type: "string", default: at("data", "quickstart") },
    },
  });
  return { check: values.check, demo: values.demo, dataDir: resolve(values.data) };
}

/** The first Ctrl-C stops in good order, the second one at once. */
function interruptionBySignal(stack: Stack): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    steps.say("\nStopping the node, then the gateway … (again: at once)");
    controller.abort();
  };
  const force = () => {
    steps.say("Stopped at once.");
    stack.kill();
    process.exit(1);
  };
  onInterruption(stop, force);
  return controller.signal;
}

if (import.meta.main) {
  let options: Options;
  try {
    options = readOptions();
  } catch (error) {
    console.error(`${(error as Error).message}\nFlags: --check, --demo, --data DIR`);
    process.exit(2);
  }
  const stack = new Stack(options.dataDir);
  process.exit(await main(options, stack, interruptionBySignal(stack)));
}
