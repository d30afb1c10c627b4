/** The operator's own certificate, read again when its files change. */

import { readFile, stat } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { settingNames } from "../base/config.ts";
import { ConfigError } from "../base/read_config.ts";
import { codeText } from "../base/trouble_cause.ts";
import type { Log } from "../base/log.ts";
import { t } from "../texts.ts";
import { type Certificates, type KeyPair, validityOf } from "./certificates.ts";

/** How often the files' times are looked at: programs that renew certificates replace files in many ways. */
const LOOK_EVERY_MS = 2_000;

export interface CertificateFilesOptions {
  certFile: string;
  keyFile: string;
  clock: Clock;
  log: Log;
}

export class CertificateFiles implements Certificates {
  readonly trouble = null;
  validUntilMs: number | null = null;
  readonly #options: CertificateFilesOptions;
  #seen = "";
  #cancelLook = () => {};
  #isClosed = false;

  constructor(options: CertificateFilesOptions) {
    this.#options = options;
  }

  async start(onChange: (pair: KeyPair) => void): Promise<KeyPair> {
    const { log, clock } = this.#options;
    this.#seen = await this.#times();
    const pair = await this.#read();
    const { untilMs } = validityOf(pair);
    const until = new Date(untilMs).toISOString();
    if (untilMs < clock.now()) log.warn({ until }, "the certificate has expired");
    this.#lookLater(onChange);
    return pair;
  }

  challengeAnswer(): Promise<null> {
    return Promise.resolve(null);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook();
    return Promise.resolve();
  }

  #lookLater(onChange: (pair: KeyPair) => void): void {
    if (this.#isClosed) return;
    this.#cancelLook = this.#options.clock.after(LOOK_EVERY_MS, () => void this.#look(onChange));
  }

  async #look(onChange: (pair: KeyPair) => void): Promise<void> {
    const times = await this.#times();
    if (times !== this.#seen) await this.#reload(times, onChange);
    this.#lookLater(onChange);
  }

  /** Files that do not fit together, as while one is replaced before the other, leave the certificate as it is. */
  async #reload(times: string, onChange: (pair: KeyPair) => void): Promise<void> {
    const { log } = this.#options;
    this.#seen = times;
    try {
      onChange(await this.#read());
      log.info({}, "the certificate's files have changed and are in use");
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      log.warn({ problems: error.problems }, "the certificate's files have changed, the old stays");
    }
  }

  async #read(): Promise<KeyPair> {
    const { certFile, keyFile } = this.#options;
    const cert = await textOf(settingNames.tlsCert, certFile);
    const key = await textOf(settingNames.tlsKey, keyFile);
    const pair = { cert, key };
    try {
      this.validUntilMs = validityOf(pair).untilMs;
    } catch (error) {
      throw new ConfigError([`${settingNames.tlsCert}: ${(error as Error).message}`]);
    }
    return pair;
  }

  /** Of both files; a file that is missing for a moment has none. */
  async #times(): Promise<string> {
    const { certFile, keyFile } = this.#options;
    const times = [certFile, keyFile].map(async (file) =>
      await stat(file).then(({ mtimeMs, ino }) => `${mtimeMs} ${ino}`, () => "")
    );
    return (await Promise.all(times)).join();
  }
}

async function textOf(setting: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new ConfigError([
      t`${setting}=${JSON.stringify(file)}: cannot be read (${codeText(error)})`,
    ]);
  }
}
