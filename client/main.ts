/** The node's command line: `client [-c config.yaml]` runs it; the other commands set it up and look after it. */

import { command, type Commands, runProgram } from "./command.ts";
import { AlreadyRunning, runDaemon } from "./daemon/daemon.ts";
import { keepLoopbackDirect } from "./network.ts";
import { CommandError } from "./setup/command_error.ts";
import { programName } from "./setup/program_name.ts";
import { configPathOf, instanceFlags } from "./setup/instance.ts";
import { buildFacts } from "../release/mod.ts";
import { t } from "./texts.ts";

const run = command({
  about: t`Run the node (the default)`,
  args: instanceFlags,
  async run(args, env) {
    const configPath = configPathOf(args, env);
    try {
      await runDaemon({ configPath, as: args.as }, env);
    } catch (error) {
      if (!(error instanceof AlreadyRunning)) throw error;
      throw new CommandError(
        t`A node runs already on this machine with ${configPath}; "${programName} status" shows it.`,
        t`To run a second one deliberately, give it a name: ${programName} --as NAME`,
      );
    }
  },
});

const commands: Commands = {
  run: () => Promise.resolve(run),
  join: () => import("./setup/join.ts").then(({ join }) => join),
  status: () => import("./setup/status.ts").then(({ status }) => status),
  pause: () => import("./setup/status.ts").then(({ pause }) => pause),
  resume: () => import("./setup/status.ts").then(({ resume }) => resume),
  doctor: () => import("./setup/doctor.ts").then(({ doctor }) => doctor),
  update: () => import("./setup/update.ts").then(({ update }) => update),
  service: () => import("./setup/service.ts").then(({ service }) => service),
  init: () => import("./setup/init.ts").then(({ initCommand }) => initCommand),
};

keepLoopbackDirect(process.env);
const code = await runProgram(
  {
    name: programName,
    version: buildFacts.version,
    about:
      t`Offers this machine's models through a Co-Link gateway. COLINK_CLIENT_LOG_LEVEL (debug, info, warn, error, silent) says how much it logs, COLINK_LANGUAGE (en, zh) in which language it speaks.`,
    main: run,
    commands,
  },
  process.argv.slice(2),
  process.env,
);
if (code !== null) process.exitCode = code;
