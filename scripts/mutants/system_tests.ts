/** Which whole-system tests exercise a room; the longest path that fits holds. */

const rooms: Readonly<Record<string, readonly string[]>> = {
  "server/cluster": ["tests/slow/cluster_test.ts", "tests/slow/cluster_slots_test.ts"],
  "server/call": ["tests/failover_test.ts", "tests/slow/flow_test.ts", "tests/cancel_test.ts"],
  "server/schedule": ["tests/scheduling_test.ts", "tests/failover_test.ts"],
  "server/node": ["tests/slow/bad_node_test.ts", "tests/slow/hub_test.ts", "tests/status_test.ts"],
  "server/store": ["tests/slow/ledger_test.ts", "tests/slow/console_account_api_test.ts"],
  "server/account": [
    "tests/slow/access_test.ts",
    "tests/slow/revocation_test.ts",
    "tests/slow/sign_in_test.ts",
  ],
  "server/limit": ["tests/slow/limits_test.ts"],
  "server/http": [
    "tests/openai_api_test.ts",
    "tests/bad_input_test.ts",
    "tests/slow/console_account_api_test.ts",
    "tests/slow/console_network_api_test.ts",
  ],
  "server/base": ["tests/slow/access_test.ts"],
  "client/adapter": ["tests/providers_test.ts", "tests/endpoints_test.ts"],
  "client": [
    "tests/node_program_test.ts",
    "tests/slow/drain_test.ts",
    "tests/slow/configuration_test.ts",
  ],
  "protocol": ["tests/wire_v2_test.ts", "tests/slow/bad_node_test.ts"],
  "web": ["tests/slow/console_test.ts", "tests/slow/console_playground_test.ts"],
};

export function systemTestsOf(path: string): readonly string[] {
  const fitting = Object.keys(rooms).filter((room) => path.startsWith(`${room}/`));
  const longest = fitting.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? [] : rooms[longest] ?? [];
}
