/** What administrators set while the gateway runs. The configuration says what counts while nothing is set. */

import type { RegistrationMode, SettingsChange, SettingsView } from "../../api/mod.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Store } from "../store/store.ts";

export interface SettingValues {
  registration: RegistrationMode;
  defaultRpm: number;
  nodeApproval: boolean;
}

export interface SettingsOptions {
  store: Pick<Store, "settings">;
  /** The configuration's. */
  fallback: SettingValues;
  log?: Log;
  /** Calls back after so many milliseconds; the answer takes that back. */
  after?: Clock["after"];
}

/** What is set on one gateway counts on all others within this. */
const POLL_MS = 2000;

/** By our own names: how each is called in the API and in the database, and what may stand there. */
const rows = {
  registration: {
    name: "registration",
    isValid: (value: unknown) => value === "open" || value === "invite" || value === "closed",
  },
  defaultRpm: {
    name: "default_rpm",
    isValid: (value: unknown) => Number.isInteger(value) && Number(value) >= 0,
  },
  nodeApproval: { name: "node_approval", isValid: (value: unknown) => typeof value === "boolean" },
} as const satisfies Record<
  keyof SettingValues,
  { name: keyof SettingsView; isValid: (value: unknown) => boolean }
>;

export class Settings {
  readonly #options: Required<SettingsOptions>;
  #set: Partial<SettingValues> = {};
  #values: SettingValues;
  #isClosed = false;
  #cancelPoll: () => void = () => {};

  /** Called when something has changed. */
  onChange: () => void = () => {};

  constructor(options: SettingsOptions) {
    this.#options = { log: silentLog, after: systemClock.after, ...options };
    this.#values = options.fallback;
  }

  /** What counts now. */
  get values(): Readonly<SettingValues> {
    return this.#values;
  }

  /** Reads what is set, and goes on doing so. Does not fail while the store is away. */
  async start(): Promise<void> {
    await this.#poll();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelPoll();
  }

  view(): SettingsView {
    const { fallback } = this.#options;
    const setting = <K extends keyof SettingValues>(key: K) => ({
      value: this.#values[key],
      fallback: fallback[key],
      is_set: this.#set[key] !== undefined,
    });
    return {
      registration: setting("registration"),
      default_rpm: setting("defaultRpm"),
      node_approval: setting("nodeApproval"),
    };
  }

  /** Sets what is given; null: back to the configuration's. Resolves with the settings as they are then. */
  async change(change: SettingsChange): Promise<SettingsView> {
    for (const { name } of Object.values(rows)) {
      const value = change[name];
      if (value !== undefined) await this.#options.store.settings.set(name, value ?? undefined);
    }
    await this.refresh();
    return this.view();
  }

  /** Reads what is set. */
  async refresh(): Promise<void> {
    const stored = await this.#options.store.settings.all();
    const set = Object.fromEntries(
      Object.entries(rows).flatMap(([key, { name, isValid }]) => {
        const value = stored.get(name);
        return isValid(value) ? [[key, value]] : [];
      }),
    ) as Partial<SettingValues>;
    const hasChanged = JSON.stringify(set) !== JSON.stringify(this.#set);
    this.#set = set;
    this.#values = { ...this.#options.fallback, ...set };
    if (hasChanged) this.onChange();
  }

  async #poll(): Promise<void> {
    const { log, after } = this.#options;
    try {
      await this.refresh();
    } catch (error) {
      const isAway = error instanceof ColinkError && error.code === "store_unavailable";
      if (!isAway) log.error({ err: error }, "cannot read the settings");
    } finally {
      if (!this.#isClosed) this.#cancelPoll = after(POLL_MS, () => void this.#poll());
    }
  }
}
