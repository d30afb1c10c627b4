/** The command that turns a machine into a node, to paste into its terminal. */

interface Joining {
  /** The gateway's: `https://gateway.example` */
  address: string;
  /** For one machine, valid for a quarter of an hour. */
  code: string;
}

/** By the name of the system. */
const commands = {
  unix: ({ address, code }: Joining) => `curl -fsSL ${address}/install.sh | sh -s -- ${code}`,
  windows: ({ address, code }: Joining) =>
    `& ([scriptblock]::Create((irm ${address}/install.ps1))) ${code}`,
  /** The node program is on the machine. */
  installed: ({ address, code }: Joining) => `colink-client join ${address} ${code}`,
} as const;

export type SystemName = keyof typeof commands;
export const systemNames = Object.keys(commands) as SystemName[];

export function joinCommand(system: SystemName, joining: Joining): string {
  return commands[system](joining);
}
