/** Services under Windows: a scheduled task that starts when this user logs on or, system-wide, at boot. */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ServiceError } from "./service_error.ts";
import type { Manager, ServiceSpec, ServiceWorld } from "./spec.ts";
import { t } from "./texts.ts";
import { xml } from "./unit_file.ts";

export class ScheduledTask implements Manager {
  constructor(private readonly world: ServiceWorld) {}

  async install(spec: ServiceSpec): Promise<void> {
    const { say, run } = this.world;
    if ((await run(["schtasks", "/Query", "/TN", spec.name]))?.code === 0) {
      say(t`The task ${spec.name} exists and stays as it is; to make it anew, uninstall it first`);
    } else {
      const definition = join(dirname(this.#log(spec)), `${spec.name}.xml`);
      mkdirSync(dirname(definition), { recursive: true });
      // schtasks reads UTF-16 with its mark.
      writeFileSync(definition, Buffer.from(`\ufeff${taskOf(spec, this.#log(spec))}`, "utf16le"));
      await this.#schtasks("/Create", "/TN", spec.name, "/XML", definition);
    }
    await this.#schtasks("/Run", "/TN", spec.name);
    say(t`${spec.name} runs, and starts ${spec.isSystem ? t`at boot` : t`when you log on`}`);
  }

  async uninstall(spec: ServiceSpec): Promise<void> {
    await this.world.run(["schtasks", "/End", "/TN", spec.name]);
    await this.#schtasks("/Delete", "/TN", spec.name, "/F");
    this.world.say(t`${spec.name} is no scheduled task any more`);
  }

  status(spec: ServiceSpec): Promise<number> {
    return this.world.show(["schtasks", "/Query", "/TN", spec.name, "/V", "/FO", "LIST"]);
  }

  logs(spec: ServiceSpec): Promise<number> {
    const path = this.#log(spec).replaceAll("'", "''");
    return this.world.show([
      "powershell",
      "-NoProfile",
      "-Command",
      `Get-Content -Tail 100 -Wait -LiteralPath '${path}'`,
    ]);
  }

  #log({ name, isSystem }: ServiceSpec): string {
    const { env, home } = this.world;
    const folder = isSystem
      ? env.ProgramData ?? "C:\\ProgramData"
      : env.LOCALAPPDATA ?? join(home, "AppData", "Local");
    return join(folder, "co-link", `${name}.log`);
  }

  async #schtasks(...words: string[]): Promise<void> {
    const done = await this.world.run(["schtasks", ...words]);
    if (done?.code === 0) return;
    throw new ServiceError(`schtasks ${words.join(" ")} failed: ${done?.output.trim() ?? ""}`);
  }
}

/** The task's definition; its output goes to the log, because tasks have none of their own. */
export function taskOf(spec: ServiceSpec, log: string): string {
  const { description, command, isSystem } = spec;
  const line = `${command.map((word) => `"${word}"`).join(" ")} >> "${log}" 2>&1`;
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>${xml(description)}</Description></RegistrationInfo>
  <Triggers>${isSystem ? "<BootTrigger/>" : "<LogonTrigger/>"}</Triggers>
  <Principals><Principal id="Author">${
    isSystem ? "<UserId>S-1-5-19</UserId>" : "<LogonType>InteractiveToken</LogonType>"
  }<RunLevel>LeastPrivilege</RunLevel></Principal></Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
    <Hidden>true</Hidden>
  </Settings>
  <Actions Context="Author"><Exec>
    <Command>cmd.exe</Command>
    <Arguments>${xml(`/d /c "${line}"`)}</Arguments>
  </Exec></Actions>
</Task>
`;
}
