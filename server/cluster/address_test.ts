import { expect, test } from "bun:test";
import { advertisedUrl } from "./address.ts";

const interfaces = (() => ({
  lo: [{ family: "IPv4", internal: true, address: "127.0.0.1" }],
  eth0: [
    { family: "IPv6", internal: false, address: "fe80::1" },
    { family: "IPv4", internal: false, address: "10.0.0.7" },
  ],
})) as unknown as Parameters<typeof advertisedUrl>[3];

function url(advertiseUrl: string | null, host: string, hasOwnPort = false): string {
  return advertisedUrl({ advertiseUrl, host }, 8080, hasOwnPort, interfaces);
}

test("a gateway is reached where its operator says, or where it listens, or at its machine's address", () => {
  expect(url("https://gw-1.internal/", "0.0.0.0")).toBe("https://gw-1.internal");
  expect(url(null, "10.1.1.1")).toBe("http://10.1.1.1:8080");
  expect(url(null, "::1")).toBe("http://[::1]:8080");
  expect(url(null, "0.0.0.0")).toBe("http://10.0.0.7:8080");
  expect(url(null, "::")).toBe("http://10.0.0.7:8080");
});

test("a worker is reached at its own port, whatever the address", () => {
  expect(url("http://gw-1.internal:9000", "0.0.0.0", true)).toBe("http://gw-1.internal:8080");
  expect(url(null, "0.0.0.0", true)).toBe("http://10.0.0.7:8080");
});
