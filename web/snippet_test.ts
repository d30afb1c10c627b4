/// <reference types="bun" />
import { expect, test } from "bun:test";
import { gatewayAddress } from "./snippet.ts";

test("the address is the public one where configured, otherwise the console's own", () => {
  const origin = "http://192.168.1.20:8080";
  expect(gatewayAddress(null, origin)).toBe(origin);
  expect(gatewayAddress({ public_url: null }, origin)).toBe(origin);
  expect(gatewayAddress({ public_url: "https://colink.example/" }, origin))
    .toBe("https://colink.example");
});
