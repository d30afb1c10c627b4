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

test("a gateway on a machine without an address that others can see is reached at this machine", () => {
  const none = (() => ({ lo: undefined })) as unknown as typeof interfaces;
  const config = { advertiseUrl: null, host: "0.0.0.0" };
  expect(advertisedUrl(config, 8080, false, none)).toBe("http://127.0.0.1:8080");
});

test("an address keeps its own port unless the gateway has one of its own", () => {
  expect(url("http://gw-1.internal:9000/", "0.0.0.0")).toBe("http://gw-1.internal:9000");
  const config = { advertiseUrl: "http://gw-1.internal:9000", host: "0.0.0.0" };
  expect(advertisedUrl(config, 8080)).toBe("http://gw-1.internal:9000");
});

test("a worker is reached at its own port, whatever the address", () => {
  expect(url("http://gw-1.internal:9000", "0.0.0.0", true)).toBe("http://gw-1.internal:8080");
  expect(url(null, "0.0.0.0", true)).toBe("http://10.0.0.7:8080");
});
