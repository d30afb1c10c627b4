/** Services under systemd: a unit of this user, or of the system. */

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SYSTEM_UNITS } from "./machine_service.ts";
import { noManager, ServiceError } from "./service_error.ts";
import type { Manager, ServiceSpec, ServiceWorld } from "./spec.ts";
import { removeUnit, writeUnit } from "./unit_file.ts";
import { t } from "./texts.ts";

const comment = (line: string) => `# ${line}`;
/** Sorted before what people name their own drop-ins. */
const DROP_IN = "10-co-link.conf";

export class Systemd implements Manager {
  constructor(private readonly world: ServiceWorld) {}

  async install(spec: ServiceSpec): Promise<void> {
    const { say } = this.world;
    // Asked before anything is made: without an answer, no unit stays behind that nothing has loaded.
    await this.#systemctl(spec, "daemon-reload");
    if (spec.isSystem) await this.#makeUser(spec);
    const path = this.#path(spec);
    if (writeUnit({ path, text: unitOf(spec), comment })) say(t`Wrote ${path}`);
    else this.#writeDropIn(spec, path);
    await this.#systemctl(spec, "daemon-reload");
    await this.#systemctl(spec, "enable", `${spec.name}.service`);
    await this.#systemctl(spec, "restart", `${spec.name}.service`);
    say(t`${spec.name} runs, and starts ${spec.isSystem ? t`at boot` : t`when you log in`}`);
    if (spec.isSystem) return;
    say(
      await this.#lingers()
        ? t`It also runs while you are logged out, and starts at boot.`
        : t`It ends when you log out. To keep it running: sudo loginctl enable-linger "$USER"`,
    );
  }

  /** Whether the user's services run while the user is logged out: asked for here, or granted by root before. */
  async #lingers(): Promise<boolean> {
    const { run, uid } = this.world;
    if ((await run(["loginctl", "enable-linger"]))?.code === 0) return true;
    const user = await run(["loginctl", "show-user", "--property=Linger", String(uid)]);
    return user?.output.includes("Linger=yes") === true;
  }

  async uninstall(spec: ServiceSpec): Promise<void> {
    const path = this.#path(spec);
    await this.#systemctl(spec, "disable", "--now", `${spec.name}.service`);
    rmSync(join(`${path}.d`, DROP_IN), { force: true });
    const isGone = removeUnit({ path });
    await this.#systemctl(spec, "daemon-reload");
    this.world.say(
      isGone ? t`${spec.name} is no service any more` : t`Stopped; ${path} was edited and stays`,
    );
  }

  async status(spec: ServiceSpec): Promise<number> {
    await this.#requireUnit(spec);
    return await this.world.show(["systemctl", ...level(spec), "--no-pager", "status", spec.name]);
  }

  async logs(spec: ServiceSpec): Promise<number> {
    await this.#requireUnit(spec);
    const unit = spec.isSystem ? "--unit" : "--user-unit";
    return await this.world.show(["journalctl", unit, spec.name, "--lines", "100", "--follow"]);
  }

  #path({ name, isSystem }: ServiceSpec): string {
    const { env, home } = this.world;
    const folder = isSystem
      ? SYSTEM_UNITS
      : join(env.XDG_CONFIG_HOME || join(home, ".config"), "systemd", "user");
    return join(folder, `${name}.service`);
  }

  /** What somebody has edited stays: only how the program is called is set beside it. */
  #writeDropIn(spec: ServiceSpec, path: string): void {
    const folder = `${path}.d`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, DROP_IN), dropInOf(spec));
    this.world.say(t`${path} was edited and stays as it is; wrote ${join(folder, DROP_IN)}`);
  }

  async #makeUser({ systemUser, ownedFiles = [] }: ServiceSpec): Promise<void> {
    if ((await this.world.run(["id", "-u", systemUser]))?.code !== 0) {
      await this.#addUser(systemUser);
    }
    if (ownedFiles.length > 0) await this.world.run(["chown", systemUser, ...ownedFiles]);
  }

  async #addUser(name: string): Promise<void> {
    const { run } = this.world;
    const shell = existsSync("/usr/sbin/nologin") ? "/usr/sbin/nologin" : "/bin/false";
    const made = await run(["useradd", "--system", "--shell", shell, name]);
    if (made?.code !== 0) {
      throw new ServiceError(
        t`Cannot make the user ${name}: ${made?.output ?? t`no useradd here`}`,
      );
    }
  }

  /** Without it `status` shows systemctl's error alone, and `logs` waits for lines that never come. */
  async #requireUnit(spec: ServiceSpec): Promise<void> {
    const state = await this.#systemctl(spec, "show", "--property=LoadState", spec.name);
    if (!state.includes("LoadState=not-found")) return;
    const system = spec.isSystem ? " --system" : "";
    throw new ServiceError(
      this.#machineHint(spec) ??
        t`${spec.name} is no service here: ${spec.name} service install${system} makes it one`,
    );
  }

  /** Resolves with its output. */
  async #systemctl(spec: ServiceSpec, ...words: string[]): Promise<string> {
    const done = await this.world.run(["systemctl", ...level(spec), ...words]);
    if (done?.code === 0) return done.output;
    const output = done?.output.trim() || t`no systemctl here`;
    const hasNoBus = /connect to .*bus/.test(output);
    if (/not been booted with systemd/.test(output) || hasNoBus && await this.#isOffline()) {
      throw noManager();
    }
    const cure = !spec.isSystem && hasNoBus ? `\n${this.#machineHint(spec) ?? noBus(spec)}` : "";
    throw new ServiceError(`systemctl ${words.join(" ")} failed: ${output}${cure}`);
  }

  /** Undefined: the machine has no service of that name either. */
  #machineHint(spec: ServiceSpec): string | undefined {
    if (spec.isSystem || !existsSync(join(SYSTEM_UNITS, `${spec.name}.service`))) return undefined;
    return t`${spec.name} is a service of the whole machine here: add --system, as in sudo ${spec.name} service status --system`;
  }

  /** Whether something else than systemd started the machine: a user's systemctl only says that it has no bus. */
  async #isOffline(): Promise<boolean> {
    const state = await this.world.run(["systemctl", "is-system-running"]);
    return state?.output.trim() === "offline";
  }
}

/** After su, in a container and the like, a user has no service manager that answers. */
function noBus({ name }: ServiceSpec): string {
  return t`This session has no systemd of its own user, as after su or in a container: sign in by ssh or at the machine and try again, or use the machine's: sudo ${name} service install --system`;
}

function level({ isSystem }: ServiceSpec): string[] {
  return isSystem ? [] : ["--user"];
}

/** The unit, without the mark. */
export function unitOf(spec: ServiceSpec): string {
  const { name, description, isSystem, stopSeconds, systemUser, badConfigurationCode } = spec;
  return `# Put your own settings into a drop-in: systemctl ${isSystem ? "" : "--user "}edit ${name}
[Unit]
Description=${description}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
${serviceLines(spec)}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec=60
Restart=always
RestartSec=5
# A bad setting, which a restart does not fix.
RestartPreventExitStatus=${badConfigurationCode}
TimeoutStopSec=${stopSeconds}
LimitNOFILE=65536
NoNewPrivileges=yes
${
    isSystem
      ? `User=${systemUser}
StateDirectory=${stateName(name)}
StateDirectoryMode=0700
RuntimeDirectory=${stateName(name)}
RuntimeDirectoryMode=0700
Environment=XDG_STATE_HOME=/var/lib/${stateName(name)} COLINK_DATA_DIR=/var/lib/${stateName(name)}
${capabilityLines(spec)}
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077
# Not MemoryDenyWriteExecute: the runtime compiles code while it runs.

[Install]
WantedBy=multi-user.target
`
      : `
[Install]
WantedBy=default.target
`
  }`;
}

function stateName(name: string): string {
  return name === "colink-client" ? "co-link-node" : "co-link";
}

/** The gateway serves the ports 80 and 443 by itself where it is given a domain. */
function capabilityLines({ needsLowPorts = false }: ServiceSpec): string {
  const rights = needsLowPorts ? "CAP_NET_BIND_SERVICE" : "";
  return `AmbientCapabilities=${rights}\nCapabilityBoundingSet=${rights}`;
}

function serviceLines({ command, environmentFile, environment = {} }: ServiceSpec): string {
  return [
    `ExecStart=${command.map(quoted).join(" ")}`,
    // A leading dash: the file may be missing.
    ...environmentFile === undefined ? [] : [`EnvironmentFile=-${escaped(environmentFile)}`],
    ...Object.entries(environment).map(([name, value]) =>
      `Environment=${quoted(`${name}=${value}`)}`
    ),
  ].join("\n");
}

function dropInOf(spec: ServiceSpec): string {
  return `# Written by Co-Link at each installation. Put your own settings into another file.
[Service]
ExecStart=
${serviceLines(spec)}
`;
}

/** As one word of a command line in a unit. */
function quoted(word: string): string {
  return `"${
    escaped(word).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("$", "$$$$")
  }"`;
}

function escaped(text: string): string {
  return text.replaceAll("%", "%%");
}
