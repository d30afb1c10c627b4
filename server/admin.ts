/** `server admin …`: accounts and their limits from the command line, whether the gateway runs or not. */

import { type CommandDef, defineCommand } from "citty";
import { type AuditEvent, COMMAND_LINE } from "./account/audit_log.ts";
import { readConfig, UsageError } from "./base/config.ts";
import { createLog } from "../log/create_log.ts";
import { type AccountServices, openAccountServices } from "./account_services.ts";
import { languageOf, setupBox } from "./greeting.ts";
import { inviteLink, rememberedUrls, setupLink } from "./urls.ts";

const email = { type: "string", required: true, description: "The account's e-mail" } as const;

const create = defineCommand({
  meta: {
    name: "create",
    description: "Create an administrator; the password is read from standard input",
  },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts }, note) => {
      await accounts.createAdmin(args.email, await passwordFromInput());
      await note({
        action: "account.registered",
        target: args.email,
        detail: { role: "admin" },
      });
      return `${args.email} is an administrator: sign in at the console`;
    }),
});

const setup = defineCommand({
  meta: {
    name: "setup",
    description: "Print a link that creates the first administrator in the browser",
  },
  run: () =>
    withServices(async ({ setup }, _note, urls) => {
      const code = await setup.code();
      if (code === null) return "This gateway has been set up already: its administrators sign in";
      const links = urls.map((url) => setupLink(url, code));
      return setupBox(links, languageOf(process.env), process.stdout.columns ?? 0);
    }),
});

const invite = defineCommand({
  meta: { name: "invite", description: "Print a link with which one account can be made" },
  args: { days: { type: "string", default: "7", description: "How long the link is valid" } },
  run({ args }) {
    const days = Number(args.days);
    if (!(days > 0)) throw new UsageError([`--days=${args.days}: expected a number above 0`]);
    return withServices(async ({ invites }, note, urls) => {
      const ttlMs = days * 24 * 60 * 60 * 1000;
      const { invite, code } = await invites.create({ ttlMs, createdBy: null });
      await note({ action: "invite.created", target: invite.id, detail: { days } });
      return urls.map((url) => inviteLink(url, code)).join("\n");
    });
  },
});

const password = defineCommand({
  meta: {
    name: "password",
    description: "Set an account's password, read from standard input",
  },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts }, note) => {
      await accounts.setPassword(args.email, await passwordFromInput());
      await note({ action: "password.changed", target: args.email });
      return `${args.email} has a new password`;
    }),
});

const limits = defineCommand({
  meta: { name: "limits", description: "Set what an account may do with all its API keys" },
  args: {
    email,
    rpm: { type: "string", description: "Calls per minute; 0 blocks; default: the gateway's" },
    models: { type: "string", description: "Names separated by commas; all: every model" },
  },
  run({ args }) {
    const change = {
      ...(args.rpm === undefined ? {} : { rpm: rpmOf(args.rpm) }),
      ...(args.models === undefined ? {} : { models: modelsOf(args.models) }),
    };
    if (Object.keys(change).length === 0) {
      throw new UsageError(["--rpm or --models: one of them is needed"]);
    }
    return withServices(async ({ accounts }, note) => {
      await accounts.setLimits(args.email, change);
      const { models, ...detail } = { models: undefined, ...change };
      await note({
        action: "user.changed",
        target: args.email,
        detail: models === undefined ? detail : { ...detail, models: models?.join(", ") ?? null },
      });
      return `${args.email}: ${JSON.stringify(change)}, within seconds on every gateway`;
    });
  },
});

const shut = defineCommand({
  meta: {
    name: "shut",
    description: "Disable an account: its keys, calls and nodes end within seconds",
  },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts }, note) => {
      await accounts.setDisabled(args.email, true);
      await note({ action: "user.disabled", target: args.email });
      return `${args.email} is disabled; "admin reopen" enables it again`;
    }),
});

const reopen = defineCommand({
  meta: { name: "reopen", description: "Enable a disabled account again" },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts }, note) => {
      await accounts.setDisabled(args.email, false);
      await note({ action: "user.enabled", target: args.email });
      return `${args.email} is enabled again`;
    }),
});

/** The commands below `server admin`. */
export const admin: CommandDef = defineCommand({
  meta: { name: "admin", description: "Accounts, from the command line" },
  subCommands: { setup, create, invite, password, limits, shut, reopen } as Record<
    string,
    unknown
  > as Record<string, CommandDef>,
});

/** Opens the services for one command, and prints the text that the command returns. */
async function withServices(
  work: (
    services: AccountServices,
    note: (event: AuditEvent) => Promise<void>,
    /** At which people open the console. */
    urls: readonly string[],
  ) => Promise<string>,
): Promise<void> {
  const config = readConfig(process.env);
  const { services, store, close } = await openAccountServices(config, createLog("warn", true));
  const note = (event: AuditEvent) => services.audit.write(COMMAND_LINE, event);
  try {
    console.log(await work(services, note, await rememberedUrls(store, config)));
  } finally {
    await close();
  }
}

async function passwordFromInput(): Promise<string> {
  if (process.stdin.isTTY) console.error("Type the password, Enter, and Ctrl-D:");
  return (await Bun.stdin.text()).replace(/\r?\n$/, "");
}

function rpmOf(text: string): number | null {
  if (text === "default") return null;
  const rpm = Number(text);
  if (Number.isInteger(rpm) && rpm >= 0 && text.trim() !== "") return rpm;
  throw new UsageError([`--rpm=${text}: expected a whole number, or "default"`]);
}

function modelsOf(text: string): string[] | null {
  return text === "all" ? null : text.split(",").map((name) => name.trim()).filter(Boolean);
}
