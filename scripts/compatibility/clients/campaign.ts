/** Runs real client programs against a gateway, and says what each of them can do there. */

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Client, type ClientValues, programs } from "../../../api/clients.ts";
import { until } from "../../../tests/harness/wait.ts";
import { freePort } from "../../free_port.ts";
import { at } from "../../root.ts";
import { ClientProcess, type ClientRun } from "./client_process.ts";
import type { Driver } from "./driver.ts";
import { install } from "./install.ts";
import type { Scene } from "./scene.ts";
import { type ClientResult, type Outcome, type Trial, trials } from "./results.ts";
import { type ServerKind, serverKinds } from "./server_kind.ts";

/** The model's answer. */
const ANSWER = "The lighthouse is forty metres tall.";
const PROMPT = "How tall is the lighthouse?";
const EDIT = "Change note.txt.";
const FILE = "note.txt";
const BEFORE = "hello";
const AFTER = "changed";
const UNKNOWN_MODEL = "no-such-model";
/** Of the right form and of no account. */
const WRONG_KEY = "sk-colink-0000000000000000000000000000000000";

const RUN_WITHIN_MS = 90_000;
/** A limit's minute may pass before a client tries again. */
const LIMITED_WITHIN_MS = 150_000;
const CANCELLED_WITHIN_MS = 10_000;
const SERVICE_READY_WITHIN_MS = 180_000;

/** Resolves with the outcome of each trial; `report` receives them as they come. */
export async function tryClient(
  driver: Driver,
  scene: Scene,
  cache: string,
  date: string,
  report: (line: string) => void,
): Promise<ClientResult> {
  const result: ClientResult = {
    client: driver.client,
    version: driver.source.version,
    date,
    outcomes: {},
  };
  try {
    const folders = await install(driver.source, cache);
    const runner = new ClientTrials(driver, scene, folders);
    for (const kind of serverKinds) {
      const outcomes = result.outcomes[kind] = {} as Partial<Record<Trial, Outcome>>;
      for (const trial of trials) {
        if (kind !== serverKinds[0] && gatewayOnly.has(trial)) continue;
        outcomes[trial] = await settled(runner.run(trial, kind));
        report(`${driver.client}, ${kind}, ${trial}: ${outcomes[trial]}`);
      }
    }
    await runner.end();
  } catch (error) {
    result.missing = messageOf(error);
    report(`${driver.client}: ${result.missing}`);
  }
  return result;
}

/** Trials whose outcome does not depend on the model server. */
const gatewayOnly: ReadonlySet<Trial> = new Set(["list", "wrong key", "wrong model", "limit"]);

class ClientTrials {
  readonly #client: Client;
  /** Running services, by key. */
  readonly #services = new Map<string, { process: ClientProcess; address: string }>();

  constructor(
    private readonly driver: Driver,
    private readonly scene: Scene,
    private readonly folders: readonly string[],
  ) {
    this.#client = programs.find(({ name }) => name === driver.client)!;
  }

  run(trial: Trial, kind: ServerKind): Promise<Outcome> {
    const model = `${kind}-model`;
    const { key } = this.scene;
    switch (trial) {
      case "list":
        return this.#list(key);
      case "whole answer":
        return this.#whole(model, key);
      case "stream":
        return this.#stream(model, key);
      case "tools":
        return this.#tools(model, key);
      case "abort":
        return this.#abort(model, key);
      case "wrong key":
        return this.#rejected(model, WRONG_KEY, /api.?key|401|unauthori[sz]ed|authenticat/i);
      case "wrong model":
        return this.#rejected(UNKNOWN_MODEL, key, new RegExp(UNKNOWN_MODEL));
      case "limit":
        return this.#limit(model);
    }
  }

  async end(): Promise<void> {
    for (const { process } of this.#services.values()) await process.interrupt();
    this.#services.clear();
  }

  async #list(key: string): Promise<Outcome> {
    if (this.driver.list === undefined) return null;
    const { output } = await this.#ended(this.driver.list, "chat-model", key);
    const unlisted = serverKinds.find((kind) => !output.includes(`${kind}-model`));
    return unlisted === undefined || `${unlisted}-model is not in: ${endOf(output)}`;
  }

  async #whole(model: string, key: string): Promise<Outcome> {
    const { askWhole } = this.driver;
    if (askWhole === undefined) return null;
    this.scene.servers.play({ text: ANSWER });
    const { output } = await this.#ended(askWhole(PROMPT, model), model, key);
    return this.#hasAnswer(output, ANSWER);
  }

  async #stream(model: string, key: string): Promise<Outcome> {
    const { servers } = this.scene;
    servers.play({ text: ANSWER });
    const { output } = await this.#ended(this.driver.ask(PROMPT, model), model, key);
    const outcome = this.#hasAnswer(output, ANSWER);
    if (outcome !== true || servers.seen.some(({ isStream }) => isStream)) return outcome;
    return "the client asked for no stream";
  }

  async #tools(model: string, key: string): Promise<Outcome> {
    const { edit, ask } = this.driver;
    if (edit === undefined) return null;
    const { home, folder } = this.#home(model, key);
    const file = join(folder, FILE);
    this.scene.servers.play({
      text: ANSWER,
      ...edit({ path: file, before: BEFORE, after: AFTER }),
    });
    const { output } = await this.#start(ask(EDIT, model), model, key, home).then((one) =>
      one.ended
    );
    const content = readFileSync(file, "utf8").trim();
    rmSync(home, { recursive: true, force: true });
    return content === AFTER || `the file is unchanged: ${endOf(output)}`;
  }

  async #abort(model: string, key: string): Promise<Outcome> {
    const { servers } = this.scene;
    servers.play({ text: ANSWER, isEndless: true });
    const process = await this.#start(this.driver.ask(PROMPT, model), model, key);
    const open = () => servers.seen.filter(({ status }) => status === 200);
    await until("the model answers", () => open().length > 0, RUN_WITHIN_MS);
    await process.interrupt();
    await until(
      "the model server is told",
      () => open().every(({ isCancelled }) => isCancelled),
      CANCELLED_WITHIN_MS,
    );
    return true;
  }

  /** A rejection that the client shows, and ends by. */
  async #rejected(model: string, key: string, words: RegExp): Promise<Outcome> {
    this.scene.servers.play({ text: ANSWER });
    const { output, code } = await this.#ended(this.driver.ask(PROMPT, model), model, key);
    if (code === null) return `it did not end within ${RUN_WITHIN_MS / 1000} s`;
    return words.test(output) || `it does not say why: ${endOf(output)}`;
  }

  /** A limit that the client waits for, or reports. */
  async #limit(model: string): Promise<Outcome> {
    const { servers, limitedKey, gateway } = this.scene;
    servers.play({ text: ANSWER });
    await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${limitedKey}` },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] }),
    });
    const line = this.driver.ask(PROMPT, model);
    const { output } = await this.#ended(line, model, limitedKey, LIMITED_WITHIN_MS);
    if (output.includes(ANSWER)) return true;
    return /limit|429|too many/i.test(output) || `it does not say why: ${endOf(output)}`;
  }

  #hasAnswer(output: string, answer: string): Outcome {
    // Terminals wrap lines.
    return output.replace(/\s+/g, " ").includes(answer) || `no answer in: ${endOf(output)}`;
  }

  async #ended(
    line: string,
    model: string,
    key: string,
    withinMs = RUN_WITHIN_MS,
  ): Promise<ClientRun> {
    return await (await this.#start(line, model, key, undefined, withinMs)).ended;
  }

  async #start(
    line: string,
    model: string,
    key: string,
    givenHome?: string,
    withinMs = RUN_WITHIN_MS,
  ): Promise<ClientProcess> {
    const { service } = this.driver;
    const home = givenHome ?? this.#home(model, key).home;
    const env = this.#environment(home, key);
    if (service !== undefined) env.SERVICE_ADDRESS = await this.#serviceAddress(model, key);
    const values = this.#values(model, key);
    const setup = service === undefined ? this.#shellLines(values).slice(0, -1) : [];
    const script = [...setup, `exec ${line}`].join("\n");
    const process = new ClientProcess({ script, cwd: join(home, "work"), env }, withinMs);
    if (givenHome === undefined) {
      void process.ended.then(() => rmSync(home, { recursive: true, force: true }));
    }
    return process;
  }

  /** A fresh home with the files of the client's snippets, and a working folder with the file to change. */
  #home(model: string, key: string): { home: string; folder: string } {
    const home = mkdtempSync(join(tmpdir(), "co-link-client-"));
    const folder = join(home, "work");
    mkdirSync(folder);
    writeFileSync(join(folder, FILE), `${BEFORE}\n`);
    for (const name of this.driver.files ?? []) {
      copyFileSync(at("scripts", "compatibility", "clients", name), join(folder, name));
    }
    for (const { file, text } of this.#client.snippets) {
      if (file === undefined) continue;
      const path = file.replace(/^~/, home);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text(this.#values(model, key)));
    }
    return { home, folder };
  }

  #values(model: string, key: string): ClientValues {
    return { address: this.scene.gateway.url, key, model };
  }

  /** Nothing of this machine's settings counts. */
  #environment(home: string, key: string): Record<string, string> {
    return {
      PATH: [...this.folders, process.env.PATH].join(":"),
      HOME: home,
      TMPDIR: tmpdir(),
      TERM: "dumb",
      NO_COLOR: "1",
      COLINK_API_KEY: key,
      COLINK_ADDRESS: this.scene.gateway.url,
      ...this.driver.env,
    };
  }

  #shellLines(values: ClientValues): string[] {
    return this.#client.snippets
      .filter(({ language }) => language === "sh")
      .flatMap(({ text }) => text(values).split("\n"));
  }

  /** The service's address, started unless it runs with that key. */
  async #serviceAddress(model: string, key: string): Promise<string> {
    const running = this.#services.get(key);
    if (running !== undefined) return running.address;
    const { options, readyPath } = this.driver.service!;
    const { home } = this.#home(model, key);
    const port = freePort();
    const script = `${this.#shellLines(this.#values(model, key)).join("\n")} ${options(port)}`;
    const env = { ...this.#environment(home, key), DATA_DIR: home };
    const address = `http://127.0.0.1:${port}`;
    const process = new ClientProcess({ script, cwd: home, env }, 60 * 60_000);
    this.#services.set(key, { process, address });
    await until(
      "the service is ready",
      async () => (await fetch(address + readyPath)).ok,
      SERVICE_READY_WITHIN_MS,
    );
    return address;
  }
}

async function settled(outcome: Promise<Outcome>): Promise<Outcome> {
  try {
    return await outcome;
  } catch (error) {
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The last words of an output, on one line. */
function endOf(output: string): string {
  return output.trim().replace(/\s+/g, " ").slice(-200) || "no output";
}
