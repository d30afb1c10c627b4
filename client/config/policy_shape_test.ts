import { expect, test } from "bun:test";
import { ConfigError, parseConfig } from "./config.ts";

const head = `client_token: client-0123
server_url: ws://127.0.0.1:1/ws
providers: [{ type: openai, base_url: "http://127.0.0.1:2/v1", models: [{ local: m }] }]
`;

function problems(policy: string): readonly string[] {
  try {
    parseConfig(`${head}${policy}`, {});
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

test("a whole policy is accepted, and stands as the owner wrote it", () => {
  const config = parseConfig(
    `${head}policy:
  hours: ["mon-fri 19:00-07:00", "sat-sun"]
  power: battery > 60%
  idle: 10m
  busy_programs: ["steam", "*.exe"]
  gpu_memory_free: 4GiB
  cpu_load: "< 70%"
  tokens_per_day: 2M
  calls_per_hour: 200
  yield: move
  hold: 30s
  unknown: allow
  pause_file: /run/game
`,
    {},
  );
  expect(config.policy?.tokens_per_day).toBe("2M");
  expect(config.policy?.hours).toHaveLength(2);
});

test("each wrong value is named with its line, its column and what it must be", () => {
  expect(problems(`policy:
  hours: ["mon-fri 25:00-07:00"]
  power: solar
  idle: 10
  busy_programs: []
  gpu_memory_free: 4
  cpu_load: 70%
  tokens_per_day: none
  calls_per_hour: 0
  yield: now
`)).toEqual([
    'config.yaml:5:11: policy.hours[0] must be days, a time or both, such as "mon-fri 19:00-07:00", "sat-sun" or "22:00-06:00"',
    'config.yaml:6:10: policy.power must be "mains", or a charge such as "battery > 60%"',
    'config.yaml:7:9: policy.idle must be a time such as "30s", "10m" or "2h"',
    "config.yaml:8:18: policy.busy_programs must name at least one program",
    'config.yaml:9:20: policy.gpu_memory_free must be a size such as "4GiB"',
    'config.yaml:10:13: policy.cpu_load must be a bound such as "< 70%"',
    'config.yaml:11:19: policy.tokens_per_day must be a count of 1 or more, such as 200 or "2M"',
    'config.yaml:12:19: policy.calls_per_hour must be a count of 1 or more, such as 200 or "2M"',
    'config.yaml:13:10: policy.yield must be "finish", "move" or "stop"',
  ]);
});

test("a misspelt condition is named with what it may have meant", () => {
  expect(problems("policy: { hour: [sat] }\n"))
    .toEqual(["config.yaml:4:11: policy.hour is not known; did you mean hours?"]);
});

test("how running calls give way is said once, for the node", () => {
  const text = head.replace("local: m", "local: m, policy: { idle: 5m, yield: stop }");
  expect(() => parseConfig(text, {}))
    .toThrow("providers[0].models[0].policy.yield is for the node's own policy");
});
