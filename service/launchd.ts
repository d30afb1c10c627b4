/** Services under macOS' launchd: an agent of this user, or a daemon of the system. */

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ServiceError } from "./service_error.ts";
import type { Manager, ServiceSpec, ServiceWorld } from "./spec.ts";
import { removeUnit, writeUnit, xml } from "./unit_file.ts";
import { t } from "./texts.ts";

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const comment = (line: string) => `<!-- ${line} -->`;

export class Launchd implements Manager {
  constructor(private readonly world: ServiceWorld) {}

  async install(spec: ServiceSpec): Promise<void> {
    const { say, run } = this.world;
    const path = this.#path(spec);
    mkdirSync(dirname(this.#log(spec)), { recursive: true });
    const isWritten = writeUnit({
      path,
      text: plistOf(spec, this.#log(spec)),
      comment,
      head: HEAD,
    });
    say(isWritten ? t`Wrote ${path}` : t`${path} was edited and stays as it is`);
    // One that is loaded already is unloaded first: launchd keeps what it has read.
    await run(["launchctl", "bootout", `${this.#domain(spec)}/${labelOf(spec)}`]);
    await this.#launchctl("bootstrap", this.#domain(spec), path);
    say(t`${spec.name} runs, and starts ${spec.isSystem ? t`at boot` : t`when you log in`}`);
  }

  async uninstall(spec: ServiceSpec): Promise<void> {
    const path = this.#path(spec);
    await this.world.run(["launchctl", "bootout", `${this.#domain(spec)}/${labelOf(spec)}`]);
    this.world.say(
      removeUnit({ path, head: HEAD })
        ? t`${spec.name} is no service any more`
        : t`Stopped; ${path} was edited and stays`,
    );
  }

  status(spec: ServiceSpec): Promise<number> {
    return this.world.show(["launchctl", "print", `${this.#domain(spec)}/${labelOf(spec)}`]);
  }

  logs(spec: ServiceSpec): Promise<number> {
    return this.world.show(["tail", "-n", "100", "-f", this.#log(spec)]);
  }

  #path(spec: ServiceSpec): string {
    return spec.isSystem
      ? `/Library/LaunchDaemons/${labelOf(spec)}.plist`
      : join(this.world.home, "Library", "LaunchAgents", `${labelOf(spec)}.plist`);
  }

  #log({ name, isSystem }: ServiceSpec): string {
    return isSystem
      ? `/Library/Logs/${name}.log`
      : join(this.world.home, "Library", "Logs", `${name}.log`);
  }

  #domain({ isSystem }: ServiceSpec): string {
    return isSystem ? "system" : `gui/${this.world.uid}`;
  }

  async #launchctl(...words: string[]): Promise<void> {
    const done = await this.world.run(["launchctl", ...words]);
    if (done?.code === 0) return;
    throw new ServiceError(`launchctl ${words.join(" ")} failed: ${done?.output.trim() ?? ""}`);
  }
}

function labelOf({ name }: ServiceSpec): string {
  return `org.${name.replace("-", ".")}`;
}

/** The property list, without its head and mark. */
export function plistOf(spec: ServiceSpec, log: string): string {
  const { command, environment = {}, stopSeconds } = spec;
  return `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${xml(labelOf(spec))}</string>
  <key>ProgramArguments</key>
  <array>
${command.map((word) => `    <string>${xml(word)}</string>`).join("\n")}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${
    Object.entries(environment)
      .map(([name, value]) => `    <key>${xml(name)}</key>\n    <string>${xml(value)}</string>`)
      .join("\n")
  }
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>ExitTimeOut</key>
  <integer>${stopSeconds}</integer>
  <key>StandardOutPath</key>
  <string>${xml(log)}</string>
  <key>StandardErrorPath</key>
  <string>${xml(log)}</string>
</dict>
</plist>
`;
}
