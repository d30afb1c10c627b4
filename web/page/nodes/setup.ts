/** The commands that turn a machine into a node, to paste into its terminal. */

import { clientConfig, type UpstreamName } from "../../snippet.ts";

/** By the name on its tab. */
export const shells = { "Linux · macOS": unix, Windows: powerShell } as const;
export type ShellName = keyof typeof shells;

interface Setup {
  /** The gateway's: `https://gateway.example` */
  address: string;
  clientToken: string;
  upstream: UpstreamName;
}

/** Writes the configuration readable by its owner only, and starts the node program. */
function unix({ address, clientToken, upstream }: Setup): string {
  return `umask 077
cat > config.yaml <<'EOF'
${clientConfig(address, clientToken, upstream)}EOF
./client --config config.yaml`;
}

function powerShell({ address, clientToken, upstream }: Setup): string {
  return `@'
${clientConfig(address, clientToken, upstream)}'@ | Set-Content -Encoding utf8 config.yaml
.\\client.exe --config config.yaml`;
}
