import { describe, expect, test } from "bun:test";
import { dialError } from "../link/link_error.ts";
import { UpstreamFailure } from "../adapter/adapter.ts";
import { Upstream } from "../adapter/upstream/upstream.ts";
import { dialFault, placeOf, type Routes } from "./dial_fault.ts";

const target = { hostname: "server.example", port: 443, elapsedMs: 10 };

/** Addresses with the code for which there is no way to them; null: there is one. */
function routes(faults: Record<string, string | null>): Routes {
  return {
    addressesOf: () => Promise.resolve(Object.keys(faults)),
    faultOf: (address) => Promise.resolve(faults[address]!),
  };
}

const nameless = (code: string): Routes => ({
  ...routes({}),
  addressesOf: () => Promise.reject(Object.assign(new Error("getaddrinfo"), { code })),
});

const silent: Routes = { ...routes({}), addressesOf: () => new Promise(() => {}) };

const cases: readonly [string, string, Routes, number, string][] = [
  ["a port that is closed", "ECONNREFUSED", routes({ a: null }), 10, "ECONNREFUSED"],
  ["a name that is none", "ECONNREFUSED", nameless("ENOTFOUND"), 10, "ENOTFOUND"],
  ["names that cannot be asked for", "ECONNREFUSED", nameless("EAI_AGAIN"), 10, "EAI_AGAIN"],
  ["no network", "ECONNREFUSED", routes({ a: "ENETUNREACH", b: "ENETUNREACH" }), 1, "ENETUNREACH"],
  ["a rule of the machine's own", "ECONNREFUSED", routes({ a: "EACCES" }), 1, "EACCES"],
  [
    "no way to one of two addresses, and a closed port at the other",
    "ECONNREFUSED",
    routes({ a: "ENETUNREACH", b: null }),
    10,
    "ECONNREFUSED",
  ],
  ["a machine that is off", "ECONNREFUSED", routes({ a: null }), 3_070, "EHOSTUNREACH"],
  [
    "addresses of a kind that the system does not have",
    "ECONNREFUSED",
    routes({ a: "EAFNOSUPPORT" }),
    1,
    "ENETUNREACH",
  ],
  ["a resolver that fails", "ECONNREFUSED", nameless("ESERVFAIL"), 10, "EAI_AGAIN"],
  // As where a thousand calls fail at a time.
  [
    "a look for which no socket is left",
    "ECONNREFUSED",
    routes({ a: "EMFILE" }),
    1,
    "ECONNREFUSED",
  ],
  ["a look that fails in another way", "ECONNREFUSED", nameless("EODD"), 1, "ECONNREFUSED"],
  ["names that are not answered", "ECONNREFUSED", silent, 5_000, "EAI_AGAIN"],
  ["a known name that is not answered again", "ECONNREFUSED", silent, 10, "ECONNREFUSED"],
  ["what the runtime says in another word", "EHOSTDOWN", silent, 10, "EHOSTUNREACH"],
  ["what the runtime does know", "ETIMEDOUT", nameless("ENOTFOUND"), 10, "ETIMEDOUT"],
];

describe("the reason for which there is no connection", () => {
  for (const [what, reported, found, elapsedMs, code] of cases) {
    test(`is ${code} for ${what}`, async () => {
      const place = { ...target, elapsedMs, lookWithinMs: 20 };
      expect(await dialFault(reported, place, found)).toBe(code);
    });
  }

  test("is looked for with few sockets, however many addresses a name has", async () => {
    let asked = 0;
    const many: Routes = {
      addressesOf: () => Promise.resolve(Array.from({ length: 5_000 }, (_, at) => `a${at}`)),
      faultOf: () => Promise.resolve(++asked > 0 ? "ENETUNREACH" : null),
    };
    expect(await dialFault("ECONNREFUSED", target, many)).toBe("ENETUNREACH");
    expect(asked).toBeLessThanOrEqual(8);
  });

  test("is asked of this system: a closed port of this machine refuses", async () => {
    const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port } = server;
    server.stop();
    const here = { hostname: "127.0.0.1", port, elapsedMs: 1 };
    expect(await dialFault("ECONNREFUSED", here)).toBe("ECONNREFUSED");
  });

  test("is asked for where a URL leads", () => {
    expect(placeOf(new URL("wss://[::1]/ws"))).toEqual({ hostname: "::1", port: 443 });
    expect(placeOf(new URL("http://a.example"))).toEqual({ hostname: "a.example", port: 80 });
    expect(placeOf(new URL("https://a.example:8443"))).toMatchObject({ port: 8443 });
  });
});

const texts: readonly [string, string, string][] = [
  ["ECONNREFUSED", "is the gateway running", "is it running?"],
  ["ENOTFOUND", "check server_url", "is base_url right?"],
  ["EAI_AGAIN", "network and DNS", "cannot be looked up now"],
  ["ENETUNREACH", "no route to the server; check its network", "is the node's network up?"],
  ["EHOSTUNREACH", "is it on? Check server_url", "is it on?"],
  ["EACCES", "firewall forbid the connection; allow it", "firewall forbid the connection"],
  ["ETIMEDOUT", "check server_url and firewalls", "does a firewall let the node through?"],
];
for (const [code, ofGateway, ofProvider] of texts) {
  test(`${code} tells the owner what to do, of a gateway and of a provider`, async () => {
    expect(dialError({ message: "Failed to connect" }, code).reason).toContain(ofGateway);
    const fetch = () => Promise.reject(Object.assign(new Error("Failed to connect"), { code }));
    const upstream = new Upstream({ baseUrl: new URL("http://secret.example/v1"), headers: {} }, {
      fetch,
    });
    const failure = await upstream.read("models", new AbortController().signal).catch((e) => e);
    expect(failure).toBeInstanceOf(UpstreamFailure);
    expect(failure.message).toContain(ofProvider);
    expect(failure.message).not.toContain("secret");
    expect(failure.kind).toBe("unreachable");
  });
}
