/** Settings that administrators change while the gateway runs. A setting that is not set has the configuration's value. */

import type { RegistrationMode, SettingsChange, SettingsView } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { Emitter } from "../base/emitter.ts";
import type { Log } from "../base/log.ts";
import { Polled } from "../store/polled.ts";
import type { Store } from "../store/store.ts";

export interface SettingValues {
  /** What the console calls the gateway; empty: nothing of its own. */
  name: string;
  registration: RegistrationMode;
  defaultRpm: number;
  nodeApproval: boolean;
}

export interface SettingsOptions {
  store: Pick<Store, "settings">;
  /** The configuration's values. */
  fallback: SettingValues;
  clock: Clock;
  log: Log;
}

/** Each setting's name in the API and in the database, and the values that are valid there. */
const rows = {
  name: { name: "name", isValid: (value: unknown) => typeof value === "string" },
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

export class Settings extends Polled {
  /** Emits after settings were changed, on any gateway. */
  readonly changes = new Emitter();

  readonly #options: SettingsOptions;
  #set: Partial<SettingValues> = {};
  #values: SettingValues;

  constructor(options: SettingsOptions) {
    super("cannot read the settings", options);
    this.#options = options;
    this.#values = options.fallback;
  }

  /** The values in force. */
  get values(): Readonly<SettingValues> {
    return this.#values;
  }

  view(): SettingsView {
    const { fallback } = this.#options;
    const setting = <K extends keyof SettingValues>(key: K) => ({
      value: this.#values[key],
      fallback: fallback[key],
      is_set: this.#set[key] !== undefined,
    });
    return {
      name: setting("name"),
      registration: setting("registration"),
      default_rpm: setting("defaultRpm"),
      node_approval: setting("nodeApproval"),
    };
  }

  /** Changes settings; null restores the configuration's value. Resolves with all settings. */
  async change(change: SettingsChange): Promise<SettingsView> {
    for (const { name } of Object.values(rows)) {
      const value = change[name];
      if (value !== undefined) await this.#options.store.settings.set(name, value ?? undefined);
    }
    await this.refresh();
    return this.view();
  }

  /** A stored value that is not valid counts as not set. */
  protected override async read(): Promise<void> {
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
    if (hasChanged) this.changes.emit();
  }
}
