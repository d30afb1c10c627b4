import { expect, test } from "bun:test";
import { parseWrk } from "./wrk.ts";

const output = `Running 2s test @ http://127.0.0.1:1/v1/chat/completions
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   361.27us   77.60us   3.70ms   90.35%
    Req/Sec   139.37k     5.53k  146.02k    85.71%
  277377 requests in 2.00s, 184.12MB read
Requests/sec: 138571.82
Transfer/sec:     91.98MB
`;

test("requests and their rate are read from what wrk prints", () => {
  expect(parseWrk(output)).toEqual({ requests: 277_377, perSecond: 138_571.82 });
});

test("a run with an answer that is no 200 does not count", () => {
  expect(() => parseWrk(`${output}  Non-2xx or 3xx responses: 3\n`)).toThrow("responses: 3");
});

test("a run with lost connections does not count", () => {
  const line = "  Socket errors: connect 0, read 2, write 0, timeout 0\n";
  expect(() => parseWrk(output + line)).toThrow("read 2");
});
