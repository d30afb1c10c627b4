import { expect, test } from "bun:test";
import { isPublicAddress } from "./public_address.ts";

test("addresses of the public Internet are public", () => {
  for (const address of ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111"]) {
    expect([address, isPublicAddress(address)]).toEqual([address, true]);
  }
});

test("private and reserved addresses are not public, in any notation", () => {
  const addresses = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "localhost",
    "",
  ];
  for (const address of addresses) {
    expect([address, isPublicAddress(address)]).toEqual([address, false]);
  }
});
