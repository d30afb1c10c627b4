/** `server admin …`: accounts and their limits from the command line, whether the gateway runs or not. */

import { type CommandDef, defineCommand } from "citty";
import type { AliasTarget } from "../api/mod.ts";
import { type AuditEvent, COMMAND_LINE } from "./account/audit_log.ts";
import { budgetText } from "./account/budget_text.ts";
import { readConfig, UsageError } from "./base/read_config.ts";
import { defined } from "./base/defined.ts";
import type { GroupBudget, GroupChange } from "../api/mod.ts";
import { isVisibleName } from "../protocol/mod.ts";
import { createLog } from "../log/create_log.ts";
import { type AccountServices, openAccountServices } from "./account_services.ts";
import { setupBox } from "./greeting.ts";
import { tableStream } from "./http/console/table_stream.ts";
import { inviteLink, rememberedUrls, resetLink, setupLink } from "./urls.ts";
import { t } from "./texts.ts";

const email = { type: "string", required: true, description: t`The account's e-mail` } as const;

const groupName = { type: "string", required: true, description: t`The group's name` } as const;
const groupWeight = {
  type: "string",
  description: t`1 is an account alone; 0.01 to 1000`,
} as const;

const budget = {
  type: "string",
  description: t`As in tokens_per_day=2000000,calls_at_once=2; none: no budget`,
} as const;

const create = defineCommand({
  meta: {
    name: "create",
    description: t`Create an administrator; the password is read from standard input`,
  },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts, providerSignIn }, note) => {
      await accounts.createAdmin(args.email, await passwordFromInput());
      await note({
        action: "account.registered",
        target: args.email,
        detail: { role: "admin" },
      });
      const off = providerSignIn.isOnly ? PASSWORDS_OFF : "";
      return t`${args.email} is an administrator: sign in at the console${off}`;
    }),
});

const setup = defineCommand({
  meta: {
    name: "setup",
    description: t`Print a link that creates the first administrator in the browser`,
  },
  run: () =>
    withServices(async ({ setup }, _note, urls) => {
      const code = await setup.code();
      if (code === null) return t`This gateway has been set up already: its administrators sign in`;
      const links = urls.map((url) => setupLink(url, code));
      return setupBox(links, t, process.stdout.columns ?? 0);
    }),
});

const invite = defineCommand({
  meta: { name: "invite", description: t`Create an invite link, for one account` },
  args: { days: { type: "string", default: "7", description: t`How long the link is valid` } },
  run({ args }) {
    const days = Number(args.days);
    if (!(days > 0)) throw new UsageError([t`--days=${args.days}: expected a number above 0`]);
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
    description: t`Set an account's password, read from standard input`,
  },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts, providerSignIn }, note) => {
      await accounts.setPassword(args.email, await passwordFromInput());
      await note({ action: "password.changed", target: args.email });
      return t`${args.email} has a new password${providerSignIn.isOnly ? PASSWORDS_OFF : ""}`;
    }),
});

const PASSWORDS_OFF =
  t`; passwords are off (COLINK_OIDC_ONLY): to sign in with it, start a gateway with COLINK_OIDC_ONLY=off`;

const unlink = defineCommand({
  meta: {
    name: "unlink",
    description: t`Cut the link between an account and its person at the sign-in provider`,
  },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts, providerSignIn }, note) => {
      if (!await providerSignIn.unlink(await accounts.idOf(args.email))) {
        return t`${args.email} is not linked`;
      }
      await note({ action: "account.unlinked", target: args.email });
      return t`${args.email} is no longer linked; the person with that address may be linked again`;
    }),
});

const reset = defineCommand({
  meta: { name: "reset", description: t`Create a link that sets a new password for an account` },
  args: { email, hours: { type: "string", default: "24", description: t`How long it is valid` } },
  run({ args }) {
    const hours = Number(args.hours);
    if (!(hours > 0 && hours <= 168)) {
      throw new UsageError([t`--hours=${args.hours}: expected a number above 0, at most 168`]);
    }
    return withServices(async ({ accounts, passwordResets }, note, urls) => {
      const id = await accounts.idOf(args.email);
      const { code, email: target } = await passwordResets.create(id, hours * 60 * 60 * 1000);
      await note({ action: "password.reset_link", target, detail: { hours } });
      return urls.map((url) => resetLink(url, code)).join("\n");
    });
  },
});

const signOut = defineCommand({
  meta: { name: "sign-out", description: t`End all of an account's sessions; its keys stay` },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts, sessions }, note) => {
      const ended = await sessions.endOthers(await accounts.idOf(args.email), null);
      await note({ action: "session.ended", target: args.email, detail: { ended } });
      return t`${args.email} is signed out everywhere; sessions ended: ${ended}`;
    }),
});

const remove = defineCommand({
  meta: { name: "delete", description: t`Delete an account permanently; its calls stay on record` },
  args: {
    email,
    yes: { type: "boolean", description: t`Confirms the deletion, which cannot be undone` },
  },
  run({ args }) {
    if (!args.yes) {
      throw new UsageError([t`--yes: is needed to delete ${args.email}, with its keys and nodes`]);
    }
    return withServices(async ({ accounts, deletion }, note) => {
      const target = await deletion.run(await accounts.idOf(args.email));
      await note({ action: "user.deleted", target });
      return t`${target} is deleted: its keys, sessions and nodes end within seconds everywhere`;
    });
  },
});

const limits = defineCommand({
  meta: { name: "limits", description: t`Set what an account may do with all its API keys` },
  args: {
    email,
    rpm: { type: "string", description: t`Calls per minute; 0 blocks; default: the gateway's` },
    models: { type: "string", description: t`Names separated by commas; all: every model` },
    budget,
    weight: {
      type: "string",
      description: t`Its part where calls wait, 0.01 to 1000; default: as its groups say`,
    },
  },
  async run({ args }) {
    const change = {
      ...(args.rpm === undefined ? {} : { rpm: rpmOf(args.rpm) }),
      ...(args.models === undefined ? {} : { models: listOf("models", args.models) }),
      ...(args.budget === undefined ? {} : { budget: await budgetOf(args.budget, "account") }),
      ...(args.weight === undefined
        ? {}
        : { weight: args.weight === "default" ? null : weightOf(args.weight) }),
    };
    if (Object.keys(change).length === 0) {
      throw new UsageError([t`--rpm, --models, --budget or --weight: one of them is needed`]);
    }
    return withServices(async ({ accounts }, note, _urls, knownModels) => {
      await accounts.setLimits(args.email, change);
      warnOfUnknown(change.models ?? [], await knownModels());
      const { models, budget, ...rest } = { models: undefined, budget: undefined, ...change };
      const detail = defined({ ...rest, budget: budgetText(budget) });
      await note({
        action: "user.changed",
        target: args.email,
        detail: models === undefined ? detail : { ...detail, models: models?.join(", ") ?? null },
      });
      return t`${args.email}: ${changeText(change)}; in force within seconds on every gateway`;
    });
  },
});

/** What a change of limits sets, in words. */
function changeText(
  { name, rpm, models, weight, budget }: {
    name?: string | undefined;
    rpm?: number | null;
    models?: readonly string[] | null;
    weight?: number | null | undefined;
    budget?: GroupBudget | null | undefined;
  },
): string {
  const parts = [
    name === undefined ? null : t`name: ${name}`,
    rpm === undefined ? null : t`calls per minute: ${rpm ?? t`the default`}`,
    models === undefined ? null : t`models: ${models?.join(", ") ?? t`all`}`,
    weight === undefined ? null : t`weight: ${weight ?? t`as its groups say`}`,
    budget === undefined ? null : t`budget: ${budgetText(budget) ?? t`none`}`,
  ];
  return parts.filter((part) => part !== null).join("; ");
}

const shut = defineCommand({
  meta: {
    name: "shut",
    description: t`Disable an account: its keys, calls and nodes end within seconds`,
  },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts }, note) => {
      await accounts.setDisabled(args.email, true);
      await note({ action: "user.disabled", target: args.email });
      return t`${args.email} is disabled; "admin reopen" enables it again`;
    }),
});

const reopen = defineCommand({
  meta: { name: "reopen", description: t`Enable a disabled account again` },
  args: { email },
  run: ({ args }) =>
    withServices(async ({ accounts }, note) => {
      await accounts.setDisabled(args.email, false);
      await note({ action: "user.enabled", target: args.email });
      return t`${args.email} is enabled again`;
    }),
});

const usage = defineCommand({
  meta: { name: "usage", description: t`Print everyone's usage as CSV or JSON lines` },
  args: {
    by: {
      type: "string",
      default: "day,account,model",
      description: t`What rows are distinguished by: day, account, group, key, model`,
    },
    from: { type: "string", description: t`The first day, as 2026-11-01; default: 30 days ago` },
    to: { type: "string", description: t`The last day; default: today` },
    zone: { type: "string", default: "UTC", description: t`The time zone of the days` },
    format: { type: "string", default: "csv", description: t`csv or jsonl` },
  },
  run: ({ args: { by, from, to, zone, format } }) =>
    withServices(async ({ usageExport, groups }) => {
      const { readUsageExport } = await import("./http/console/usage_export_input.ts");
      const filter = readUsageExport({ by, zone, format, ...defined({ from, to }) });
      await groups.refresh();
      const table = await tableStream(usageExport.file(null, filter), filter.format ?? "csv");
      for await (const piece of table) process.stdout.write(piece);
      return null;
    }),
});

const group = defineCommand({
  meta: { name: "group", description: t`Groups of accounts, which nodes can be lent to` },
  subCommands: {
    list: defineCommand({
      meta: { name: "list", description: t`Print all groups` },
      run: () =>
        withServices(async ({ groups }) => {
          await groups.refresh();
          const lines = groups.list().map(({ name, members, weight }) =>
            `${name}\t${t`members: ${members}`}\t${t`weight: ${weight}`}`
          );
          return lines.join("\n") || t`There are no groups`;
        }),
    }),
    add: defineCommand({
      meta: { name: "add", description: t`Make a group` },
      args: { name: groupName, weight: groupWeight },
      run: ({ args }) =>
        withServices(async ({ groups }, note) => {
          const { name, weight } = await groups.create({
            name: groupNameOf(args.name),
            weight: weightOf(args.weight ?? "1"),
          });
          await note({ action: "group.created", target: name, detail: { weight } });
          return t`The group "${name}" is there; "admin group join" adds members`;
        }),
    }),
    remove: defineCommand({
      meta: { name: "remove", description: t`Delete a group; its members stay as they are` },
      args: { name: groupName },
      run: ({ args }) =>
        withServices(async ({ groups }, note) => {
          const { name } = await groups.remove(await groupId(groups, args.name));
          await note({ action: "group.deleted", target: name });
          return t`The group "${name}" is gone`;
        }),
    }),
    rename: defineCommand({
      meta: { name: "rename", description: t`Give a group another name` },
      args: {
        name: groupName,
        to: { type: "string", required: true, description: t`The new name` },
      },
      run: ({ args }) => changeGroup(args.name, { name: groupNameOf(args.to) }),
    }),
    weight: defineCommand({
      meta: { name: "weight", description: t`Set a member's part of what is scarce` },
      args: { name: groupName, weight: { ...groupWeight, required: true } },
      run: ({ args }) => changeGroup(args.name, { weight: weightOf(args.weight) }),
    }),
    budget: defineCommand({
      meta: { name: "budget", description: t`Set what all members together may use` },
      args: { name: groupName, budget: { ...budget, required: true } },
      run: async ({ args }) =>
        changeGroup(args.name, { budget: await budgetOf(args.budget, "group") }),
    }),
    members: defineCommand({
      meta: { name: "members", description: t`Print a group's members` },
      args: { name: groupName },
      run: ({ args }) =>
        withServices(async ({ groups }) => {
          const members = await groups.members(await groupId(groups, args.name));
          return members.map(({ email }) => email).join("\n") || t`The group has no members`;
        }),
    }),
    join: defineCommand({
      meta: { name: "join", description: t`Add an account to a group` },
      args: { name: groupName, email },
      run: ({ args }) => changeMember(args.name, args.email, "add"),
    }),
    leave: defineCommand({
      meta: { name: "leave", description: t`Remove an account from a group` },
      args: { name: groupName, email },
      run: ({ args }) => changeMember(args.name, args.email, "remove"),
    }),
  } as Record<string, unknown> as Record<string, CommandDef>,
});

function changeGroup(name: string, change: GroupChange): Promise<void> {
  return withServices(async ({ groups }, note) => {
    const group = await groups.change(await groupId(groups, name), change);
    const { name: renamed, weight, budget } = change;
    const detail = defined({ name: renamed, weight, budget: budgetText(budget) });
    await note({ action: "group.changed", target: group.name, detail });
    return t`${group.name}: ${changeText(change)}; in force within seconds on every gateway`;
  });
}

function changeMember(name: string, email: string, way: "add" | "remove"): Promise<void> {
  return withServices(async ({ groups, accounts }, note) => {
    const id = await groupId(groups, name);
    const group = await groups.change(id, { [way]: [await accounts.idOf(email)] });
    const detail = way === "add" ? { added: email } : { removed: email };
    await note({ action: "group.changed", target: group.name, detail });
    return way === "add"
      ? t`${email} is now a member of "${group.name}"`
      : t`${email} is no longer a member of "${group.name}"`;
  });
}

/** Throws `not_found`. */
async function groupId(groups: AccountServices["groups"], name: string): Promise<string> {
  await groups.refresh();
  const id = groups.idOf(name);
  if (id !== null) return id;
  throw new UsageError([t`--name=${name}: no group has that name; "admin group list" prints all`]);
}

const aliasName = { type: "positional", required: true, description: t`The name` } as const;

const aliasSet = defineCommand({
  meta: { name: "set", description: t`Let a name lead to models` },
  args: {
    name: aliasName,
    targets: {
      type: "positional",
      required: true,
      description: t`Models separated by commas, or targets with conditions as a JSON list`,
    },
  },
  run: async ({ args: { name, targets } }) => {
    const { readAlias } = await import("./http/console/name_input.ts");
    const alias = readAlias({ name, targets: targetsOf(targets) });
    return withServices(async ({ names }, note) => {
      await names.save(alias);
      const to = alias.targets.map(({ model }) => model).join(", ");
      await note({ action: "alias.saved", target: name, detail: { to } });
      return t`${name}: ${to}; in force within seconds on every gateway`;
    });
  },
});

const aliasRemove = defineCommand({
  meta: { name: "remove", description: t`Remove an alias` },
  args: { name: aliasName },
  run: ({ args: { name } }) =>
    withServices(async ({ names }, note) => {
      await names.remove(name);
      await note({ action: "alias.removed", target: name });
      return t`${name} is no longer an alias`;
    }),
});

const aliasList = defineCommand({
  meta: { name: "list", description: t`List the aliases and what they lead to` },
  run: () =>
    withServices(async ({ names }) => {
      await names.refresh();
      const lines = names.aliases(() => true).map(({ name, targets }) =>
        `${name} → ${textOf(targets)}`
      );
      return lines.join("\n") || t`There are no aliases`;
    }),
});

const alias = defineCommand({
  meta: { name: "alias", description: t`Names that lead to models` },
  subCommands: { set: aliasSet, remove: aliasRemove, list: aliasList } as Record<
    string,
    unknown
  > as Record<string, CommandDef>,
});

const model = defineCommand({
  meta: { name: "model", description: t`Show or change the settings of a model` },
  args: {
    name: { type: "positional", required: true, description: t`The model's name` },
    note: { type: "string", description: t`Shown in the list of models` },
    hidden: { type: "string", description: t`yes: lists of models leave it out; or no` },
    temperature: { type: "string", description: t`Sent where a caller says none; none: no longer` },
    "max-tokens": { type: "string", description: t`The same for the longest answer` },
    groups: {
      type: "string",
      description: t`Groups whose members alone may call it, separated by commas; all: everybody`,
    },
    forget: { type: "boolean", description: t`Remove all settings of the model` },
  },
  run: ({ args }) =>
    withServices(async ({ names, groups }, note) => {
      const { name } = args;
      await names.refresh();
      await groups.refresh();
      if (args.forget) {
        await names.removeModel(name);
        await note({ action: "model.changed", target: name });
        return t`${name}: its settings are removed`;
      }
      const before = names.settingsOf(name) ?? { name };
      const { temperature, max_tokens } = before.defaults ?? {};
      const defaults = defined({
        temperature: numberOf("temperature", args.temperature, temperature),
        max_tokens: numberOf("max-tokens", args["max-tokens"], max_tokens),
      });
      const { readModelSettings } = await import("./http/console/name_input.ts");
      const after = readModelSettings({
        ...before,
        ...defined({ note: args.note, hidden: yesOf("hidden", args.hidden) }),
        groups: chosenGroups(args.groups, before.groups, groups),
        defaults,
      });
      if (
        JSON.stringify(after) !== JSON.stringify({ ...before, defaults: before.defaults ?? {} })
      ) {
        await names.saveModel(after);
        const detail = { settings: JSON.stringify(after) };
        await note({ action: "model.changed", target: name, detail });
      }
      return JSON.stringify(
        { ...after, groups: after.groups?.map((id) => groups.nameOf(id) ?? id) },
        null,
        2,
      );
    }),
});

/** The ids of the groups that `--groups` names; undefined: everybody. Throws `invalid_request`. */
function chosenGroups(
  text: string | undefined,
  before: readonly string[] | undefined,
  groups: AccountServices["groups"],
): readonly string[] | undefined {
  if (text === undefined) return before;
  const names = listOf("groups", text);
  return names === null ? undefined : groups.idsOf(names);
}

/** The commands below `server admin`. */
export const admin: CommandDef = defineCommand({
  meta: { name: "admin", description: t`Accounts, from the command line` },
  subCommands: {
    setup,
    create,
    invite,
    password,
    reset,
    "sign-out": signOut,
    delete: remove,
    limits,
    usage,
    shut,
    reopen,
    unlink,
    group,
    alias,
    model,
  } as Record<
    string,
    unknown
  > as Record<string, CommandDef>,
});

const MAX_KNOWN_MODELS = 10_000;

/** Opens the services for one command, and prints the text that the command returns; null: it has printed all. */
async function withServices(
  work: (
    services: AccountServices,
    note: (event: AuditEvent) => Promise<void>,
    /** At which people open the console. */
    urls: readonly string[],
    /** The models that nodes have ever offered, the latest first. */
    knownModels: () => Promise<string[]>,
  ) => Promise<string | null>,
): Promise<void> {
  const config = readConfig(process.env);
  const { services, store, close } = await openAccountServices(config, createLog("warn", true));
  const note = (event: AuditEvent) => services.audit.write(COMMAND_LINE, event);
  try {
    const urls = await rememberedUrls(store, config);
    const text = await work(services, note, urls, () => store.knownModels(MAX_KNOWN_MODELS));
    if (text !== null) console.log(text);
  } finally {
    await close();
  }
}

async function passwordFromInput(): Promise<string> {
  if (process.stdin.isTTY) console.error(t`Type the password, then Enter and Ctrl-D:`);
  return (await Bun.stdin.text()).replace(/\r?\n$/, "");
}

function weightOf(text: string): number {
  const weight = Number(text);
  if (weight >= 0.01 && weight <= 1000) return weight;
  throw new UsageError([t`--weight=${text}: expected a number from 0.01 to 1000`]);
}

function groupNameOf(text: string): string {
  const name = text.trim();
  if (isVisibleName(name) && name.length <= 60) return name;
  throw new UsageError([t`--name=${text}: expected 1 to 60 visible characters`]);
}

async function budgetOf(text: string, whose: "account" | "group"): Promise<GroupBudget | null> {
  // Loaded on demand: shapes that exist before the console's are unknown to its OpenAPI document.
  const { readBudget } = await import("./http/console/read_budget.ts");
  return readBudget(text, whose);
}

function rpmOf(text: string): number | null {
  if (text === "default") return null;
  const rpm = Number(text);
  if (Number.isInteger(rpm) && rpm >= 0 && text.trim() !== "") return rpm;
  throw new UsageError([t`--rpm=${text}: expected a whole number, or "default"`]);
}

/** Targets as they are written on the command line: models' names, or JSON. */
function targetsOf(text: string): unknown {
  if (!text.startsWith("[")) return namesIn(text).map((model) => ({ model }));
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError([t`${text}: expected names, or a JSON list such as [{"model":"m"}]`]);
  }
}

function textOf(targets: readonly AliasTarget[]): string {
  const isPlain = targets.every((target) => Object.keys(target).length === 1);
  return isPlain ? targets.map(({ model }) => model).join(",") : JSON.stringify(targets);
}

function numberOf(
  option: string,
  text: string | undefined,
  before: number | undefined,
): number | undefined {
  if (text === undefined) return before;
  if (text === "none") return undefined;
  if (text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  throw new UsageError([t`--${option}=${text}: expected a number, or "none"`]);
}

function yesOf(option: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === "yes" || text === "no") return text === "yes";
  throw new UsageError([t`--${option}=${text}: expected yes or no`]);
}

/** The names in a list, parted by the commas of either language. */
function namesIn(text: string): string[] {
  return text.split(/[,，、]/).map((name) => name.trim()).filter(Boolean);
}

/** Says on standard error which of the models no node has ever offered: a misspelt one locks everybody out. */
function warnOfUnknown(models: readonly string[], known: readonly string[]): void {
  const unknown = models.filter((model) => !known.includes(model));
  if (unknown.length === 0) return;
  console.error(t`Note: no node has ever offered ${unknown.join(", ")}; check the spelling`);
}

/** Names; null: all. An empty list is a typing error that would lock everybody out. */
function listOf(option: string, text: string): string[] | null {
  if (text === "all") return null;
  const names = namesIn(text);
  if (names.length > 0) return names;
  throw new UsageError([t`--${option}=${text}: expected names separated by commas, or "all"`]);
}
