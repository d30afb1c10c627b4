/** Which proxy leads to an address, by the environment. */

import { expect, test } from "bun:test";
import { proxyFor } from "./http/proxy_for.ts";
import { keepLoopbackDirect } from "./network.ts";

const proxies = { HTTPS_PROXY: "http://secure:1", HTTP_PROXY: "plain:2" };
const cases: [url: string, env: Record<string, string>, proxy: string | undefined][] = [
  ["wss://gw.example/ws", proxies, "http://secure:1"],
  ["ws://gw.example/ws", proxies, "http://plain:2"],
  ["wss://gw.example/ws", { https_proxy: "http://lower:3", ...proxies }, "http://lower:3"],
  ["wss://gw.example/ws", { ALL_PROXY: "http://all:4" }, "http://all:4"],
  ["wss://gw.example/ws", {}, undefined],
  ["ws://127.0.0.1:8080/ws", proxies, undefined],
  ["ws://[::1]:8080/ws", proxies, undefined],
  ["ws://localhost/ws", proxies, undefined],
  ["wss://gw.example/ws", { ...proxies, NO_PROXY: "other, gw.example" }, undefined],
  ["wss://gw.example/ws", { ...proxies, NO_PROXY: ".example" }, undefined],
  ["wss://gw.example/ws", { ...proxies, NO_PROXY: "*.example" }, undefined],
  ["wss://gw.example/ws", { ...proxies, no_proxy: "*" }, undefined],
  ["wss://gw.example/ws", { ...proxies, NO_PROXY: "w.example,gw.example:8443" }, "http://secure:1"],
  ["wss://gw.example:8443/ws", { ...proxies, NO_PROXY: "gw.example:8443" }, undefined],
];
for (const [url, env, proxy] of cases) {
  test(`${url} with ${JSON.stringify(env)}: ${proxy ?? "direct"}`, () => {
    expect(proxyFor(new URL(url), env)).toBe(proxy);
  });
}

test("this machine joins the exceptions from proxies, and none is lost", () => {
  for (const name of ["NO_PROXY", "no_proxy"]) {
    const env: Record<string, string> = { [name]: "a.example" };
    keepLoopbackDirect(env);
    const expected = "a.example,localhost,127.0.0.1,::1,[::1]";
    expect(env).toEqual({ NO_PROXY: expected, no_proxy: expected });
  }
});
