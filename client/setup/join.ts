/** `client join GATEWAY [CODE]`: gets this machine a node token of its own, then sets it up and starts it. */

import { hostname } from "node:os";
import { join as joinPath } from "node:path";
import { command } from "../command.ts";
import { CommandError } from "./command_error.ts";
import { ConfigFile } from "./config_file.ts";
import { configFolder, writePrivate } from "./folders.ts";
import { Gateway, GatewayRefusal, printable } from "./gateway.ts";
import { init, initFlags } from "./init.ts";
import { programName } from "./program_name.ts";
import { startFlags, startNode } from "./start.ts";
import { systemError } from "../config/system_error.ts";
import { shown, t } from "../texts.ts";

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
/** What RFC 8628 adds to the interval when asked to slow down. */
const SLOW_DOWN_S = 5;
const MAX_NAME_CHARS = 80;

/** The part of the gateway's answers that is used; api/joins.ts has all of it. */
interface Joined {
  access_token: string;
  name: string;
  account: string;
}

interface Authorization {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
  interval: number;
}

export const join = command({
  about: t`Join a gateway: get a node token for this machine, find its models, and start`,
  args: {
    gateway: { type: "positional", description: t`Its address, such as https://gateway.example` },
    code: {
      type: "positional",
      required: false,
      description: t`A join code from its console; without one, you approve the machine there`,
    },
    "token-file": {
      type: "string",
      valueHint: "FILE",
      description: t`Take the node token from this file instead; - is standard input`,
    },
    name: {
      type: "string",
      valueHint: "NAME",
      description: t`What the machine is called; default: its own name`,
    },
    init: { type: "boolean", default: true, negativeDescription: t`Only join: find no models` },
    ...initFlags,
    ...startFlags,
  },
  async run(args, env) {
    const gateway = new Gateway(args.gateway ?? "");
    const { version } = await gateway.info();
    const name = machineName(args.name ?? hostname());
    const joined = args["token-file"] !== undefined
      ? { access_token: await tokenIn(args["token-file"]), name, account: null }
      : await joinedBy(gateway, { code: args.code, machine: name, version });
    const folder = configFolder(env);
    const tokenFile = joinPath(folder, "token");
    writePrivate(tokenFile, `${joined.access_token}\n`);
    const config = ConfigFile.open(joinPath(folder, "config.yaml"));
    config.join({ serverUrl: gateway.serverUrl, name: args.name });
    config.save();
    const whose = joined.account === null ? "" : t` as ${printable(joined.account)}'s "${name}"`;
    say(
      args,
      t`Joined ${gateway.address}${whose}. Token saved, readable only by you: ${tokenFile}`,
    );
    if (args.init === false) return 0;
    if (!await init(config.path, args, env)) return 0;
    return await startNode(config.path, args, env);
  },
});

function say({ json }: { json?: boolean | undefined }, text: string): void {
  if (json !== true) console.log(text);
}

/** Trims a name to what the gateway takes for one. */
function machineName(text: string): string {
  const name = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "").trim().slice(0, MAX_NAME_CHARS);
  return name === "" ? "machine" : name;
}

async function joinedBy(
  gateway: Gateway,
  { code, machine, version }: { code: string | undefined; machine: string; version: string },
): Promise<Joined> {
  try {
    return code === undefined
      ? await joinByApproval(gateway, machine)
      : await gateway.ask<Joined>("POST", "/api/join", { code, machine });
  } catch (error) {
    if (!(error instanceof GatewayRefusal) || error.status !== 404) throw error;
    throw new CommandError(
      t`This gateway (version ${printable(version)}) is too old for joining by code.`,
      t`Copy the node token from its console into a file, and run:`,
      t`  ${programName} join ${gateway.address} --token-file FILE`,
    );
  }
}

/** RFC 8628: a user approves in the browser, while this machine asks again and again for its token. */
async function joinByApproval(gateway: Gateway, machine: string): Promise<Joined> {
  const asked = await gateway.ask<Authorization>("POST", "/api/join/device", { machine });
  console.error(
    t`\nOpen this in a browser, and approve the machine there:\n\n  ${
      printable(asked.verification_uri_complete)
    }\n\nIt must show this code: ${printable(asked.user_code)}\n\nWaiting for the approval …`,
  );
  let intervalS = asked.interval;
  for (;;) {
    await Bun.sleep(intervalS * 1000);
    try {
      return await gateway.ask<Joined>("POST", "/api/join/token", {
        grant_type: DEVICE_GRANT,
        device_code: asked.device_code,
      });
    } catch (error) {
      const code = error instanceof GatewayRefusal ? error.code : null;
      if (code === "slow_down") intervalS += SLOW_DOWN_S;
      // A lost answer, or a gateway that restarts, is no reason to start over.
      else if (code !== "authorization_pending" && !isPassing(error)) throw error;
    }
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof GatewayRefusal ? error.status >= 500 : error instanceof CommandError;
}

async function tokenIn(file: string): Promise<string> {
  const source = file === "-" ? Bun.stdin : Bun.file(file);
  const text = await source.text().catch((error: { code?: string }) => {
    throw new CommandError(t`Cannot read ${file}: ${shown(systemError(error))}`);
  });
  const token = text.trim();
  if (/^client-[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError(
    t`${file === "-" ? t`Standard input` : file} holds ${
      token.startsWith("sk-") ? t`an API key, which calls models` : t`no node token`
    }; a node token begins with client-, and the gateway's console shows yours`,
  );
}
