/** `client init`: finds the models on this machine, lets people choose, tries each one, and writes config.yaml. */

import type { ArgsDef } from "citty";
import { command, type Env } from "../command.ts";
import type { ModelConfig } from "../config/config.ts";
import { CommandError } from "./command_error.ts";
import { ConfigFile } from "./config_file.ts";
import { discover, type FoundModel, type FoundServer } from "./discover.ts";
import { usualConfigPath } from "./instance.ts";
import { printable } from "./gateway.ts";
import { programName } from "./program_name.ts";
import { Terminal } from "./terminal.ts";
import { type Trial, tryModel } from "./trial.ts";
import { modelCount, t } from "../texts.ts";

export const initFlags = {
  yes: { type: "boolean", alias: "y", description: t`Ask nothing: share what is suggested` },
  json: {
    type: "boolean",
    description: t`Print what was found as JSON; change nothing without --yes`,
  },
  test: { type: "boolean", default: true, negativeDescription: t`Send no test prompts` },
} satisfies ArgsDef;

export interface InitArgs {
  yes?: boolean | undefined;
  json?: boolean | undefined;
  test?: boolean | undefined;
}

/** For all test prompts together: the first of a large model loads it. */
const TRIALS_WITHIN_MS = 60_000;

export const initCommand = command({
  about: t`Find the models on this machine and choose which to share; again: change the choice`,
  args: {
    config: {
      type: "string",
      alias: "c",
      valueHint: "PATH",
      description: t`The configuration file to write; default: the one that join has made`,
    },
    ...initFlags,
  },
  async run(args, env) {
    await init(args.config ?? usualConfigPath(env), args, env);
    return 0;
  },
});

/** A server with the models of it that are shared, and those that were before. */
interface Choice {
  server: FoundServer;
  chosen: FoundModel[];
  /** Null: config.yaml does not name the server; "auto": it shares whatever the server lists. */
  before: string[] | "auto" | null;
}

/** Resolves with whether the node has anything to share now. Throws CommandError. */
export async function init(path: string, args: InitArgs, env: Env): Promise<boolean> {
  const file = ConfigFile.open(path);
  if (!file.isJoined && !args.json) {
    throw new CommandError(
      t`${path} names no gateway yet; run: ${programName} join https://GATEWAY`,
    );
  }
  const servers = await discover({ env, fetch });
  const terminal = Terminal.open(args);
  try {
    if (servers.length === 0 && !file.hasProviders) return noServer(args);
    const choices = await choose(servers, file, terminal);
    if (choices === null) return file.hasProviders;
    const maxParallel = await parallelOf(choices, file, terminal);
    const isWritten = args.json !== true || args.yes === true;
    if (isWritten) write(file, choices, maxParallel);
    const trials = isWritten && args.test !== false ? await tryAll(choices, env, args) : null;
    report(args, { file, choices, maxParallel, trials, isWritten });
    return file.hasProviders;
  } finally {
    terminal?.close();
  }
}

function noServer({ json }: InitArgs): false {
  const lines = [
    t`Found no model server on this machine: nothing answers as Ollama, LM Studio, vLLM, llama.cpp or SGLang.`,
    t`Start one, or set OPENAI_API_KEY or ANTHROPIC_API_KEY, and run: ${programName} init`,
  ];
  if (json) console.log(JSON.stringify({ servers: [], written: false }));
  else for (const line of lines) console.error(line);
  return false;
}

/** Null: the user has left. */
async function choose(
  servers: readonly FoundServer[],
  file: ConfigFile,
  terminal: Terminal | null,
): Promise<Choice[] | null> {
  const suggested = servers.map((server): Choice => {
    const before = file.modelsOf(server.provider);
    return {
      server,
      before,
      chosen: server.models.filter(({ id }) => isSuggested(server, before, id)),
    };
  });
  if (terminal === null) return suggested;
  const open = suggested.filter(({ before }) => before !== "auto");
  const ticked = await terminal.tick(
    t`Which models shall this machine share?`,
    open.map(({ server, chosen }) => ({
      title: `${server.name} (${server.place})`,
      options: server.models.map((model) => ({
        label: printable(model.id),
        hint: factsOf(model),
        isTicked: chosen.includes(model),
        value: model,
      })),
    })),
  );
  if (ticked === null) return null;
  return suggested.map((choice) =>
    choice.before === "auto"
      ? choice
      : { ...choice, chosen: choice.server.models.filter((model) => ticked.has(model)) }
  );
}

/** What is shared already stays so; of servers that are new, all models; of paid ones, none unasked. */
function isSuggested(server: FoundServer, before: Choice["before"], id: string): boolean {
  if (before === null) return !server.isHosted;
  return before !== "auto" && before.includes(id);
}

/** `4.7 GB, 131,072 tokens of context` */
function factsOf({ kind, sizeBytes, contextLength }: FoundModel): string {
  const facts = [
    kind === "embedding" ? "embeddings" : null,
    sizeBytes === undefined ? null : t`${(sizeBytes / 1e9).toFixed(1)} GB`,
    contextLength === undefined ? null : t`${contextLength.toLocaleString("en")} tokens of context`,
  ];
  return facts.filter((fact) => fact !== null).join(", ");
}

/** Stays as it is in a file that was written before, unless the user says otherwise. */
async function parallelOf(
  choices: readonly Choice[],
  file: ConfigFile,
  terminal: Terminal | null,
): Promise<number> {
  const used = choices.filter(({ chosen }) => chosen.length > 0);
  const suggested = Math.max(1, ...used.map(({ server }) => server.parallel));
  const fallback = file.hasProviders ? file.maxParallel ?? 1 : suggested;
  return await terminal?.number(t`How many calls may run at the same time?`, fallback) ?? fallback;
}

function write(file: ConfigFile, choices: readonly Choice[], maxParallel: number): void {
  for (const { server, chosen, before } of choices) {
    if (before === "auto" || sameNames(before ?? [], chosen)) continue;
    // Models that are shared but were not listed just now stay: their server may be loading.
    const missing = (before ?? []).filter((id) => !server.models.some((model) => model.id === id));
    file.setModels(server.provider, [
      ...missing.map((local) => ({ local })),
      ...chosen.map(modelConfig),
    ]);
  }
  file.setMaxParallel(maxParallel);
  file.save();
}

function modelConfig({ id, kind }: FoundModel): ModelConfig {
  return { local: id, ...(kind === "embedding" && { endpoints: ["embeddings"] }) };
}

function sameNames(names: readonly string[], models: readonly FoundModel[]): boolean {
  return names.length === models.length && models.every(({ id }) => names.includes(id));
}

/** Small models first: they load quickly. */
async function tryAll(
  choices: readonly Choice[],
  env: Env,
  { json }: InitArgs,
): Promise<Map<FoundModel, Trial>> {
  const trials = new Map<FoundModel, Trial>();
  const signal = AbortSignal.timeout(TRIALS_WITHIN_MS);
  const all = choices.flatMap(({ server, chosen }) => chosen.map((model) => ({ server, model })))
    .toSorted((a, b) => (a.model.sizeBytes ?? 0) - (b.model.sizeBytes ?? 0));
  for (const { server: { provider }, model } of all) {
    if (signal.aborted) break;
    const key = provider.api_key && /^\$\{(.*)\}$/.exec(provider.api_key)?.[1];
    const trial = await tryModel({ ...provider, ...(key && { api_key: env[key] }) }, model, signal);
    trials.set(model, trial);
    if (json !== true) console.log(trialLine(model, trial));
  }
  const left = all.length - trials.size;
  if (left > 0 && json !== true) console.log(t`  ${left} more were not tried, to save time`);
  return trials;
}

function trialLine({ id }: FoundModel, { failure, seconds, tokensPerSecond }: Trial): string {
  if (failure !== null) return `  ✗ ${printable(id)}: ${printable(failure)}`;
  const speed = tokensPerSecond === null ? "" : t`, ${tokensPerSecond.toFixed(0)} tok/s`;
  return t`  ✓ ${printable(id)} answered in ${seconds.toFixed(1)} s${speed}`;
}

function report(
  { json }: InitArgs,
  { file, choices, maxParallel, trials, isWritten }: {
    file: ConfigFile;
    choices: readonly Choice[];
    maxParallel: number;
    trials: Map<FoundModel, Trial> | null;
    isWritten: boolean;
  },
): void {
  const count = choices.reduce((sum, { chosen }) => sum + chosen.length, 0);
  if (json !== true) {
    console.log(
      t`Shares ${modelCount(count)}, up to ${maxParallel} calls at a time: ${file.path}`,
    );
    return;
  }
  const servers = choices.map(({ server, chosen, before }) => ({
    name: server.name,
    place: server.place,
    models: server.models.map((model) => ({
      id: model.id,
      kind: model.kind,
      size_bytes: model.sizeBytes ?? null,
      context_length: model.contextLength ?? null,
      shared: before === "auto" || chosen.includes(model),
      ...trialView(trials?.get(model)),
    })),
  }));
  console.log(
    JSON.stringify(
      { config: file.path, written: isWritten, max_parallel: maxParallel, servers },
      null,
      2,
    ),
  );
}

function trialView(trial: Trial | undefined) {
  if (trial === undefined) return {};
  const { failure, seconds, tokensPerSecond } = trial;
  return { test: { failure, seconds, tokens_per_second: tokensPerSecond } };
}
