/** The bill of materials names every package of both programs, with its licence and the digest that was locked. */

import { expect, test } from "bun:test";
import { shippedPackages } from "../build/licences.ts";
import { sbom } from "./sbom.ts";

const facts = {
  version: "1.2.3+abc",
  target: null,
  committedAt: "2026-01-01T00:00:00+08:00",
  releaseKeys: [],
};
const [hono, yaml] = ["hono/index.js", "yaml/index.js"].map((file) =>
  shippedPackages([`node_modules/${file}`])[0]!
);

test("each package stands once, and each program names what it is made of", async () => {
  const document = JSON.parse(
    await sbom(facts, { client: [yaml!], server: [hono!, yaml!, yaml!] }),
  );
  expect(document).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
  const libraries = document.components.filter(({ type }: { type: string }) => type === "library");
  expect(libraries).toEqual([hono!, yaml!].map(({ name, version, license }) => ({
    type: "library",
    "bom-ref": `pkg:npm/${name}@${version}`,
    name,
    version,
    purl: `pkg:npm/${name}@${version}`,
    licenses: [{ license: { id: license } }],
    hashes: [{ alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
  })));
  const bun = `pkg:github/oven-sh/bun@bun-v${Bun.version}`;
  expect(document.dependencies).toContainEqual({
    ref: "colink-server",
    dependsOn: [bun, `pkg:npm/hono@${hono!.version}`, `pkg:npm/yaml@${yaml!.version}`],
  });
  const refs = document.components.map((one: { "bom-ref": string }) => one["bom-ref"]);
  expect(new Set(refs).size).toBe(refs.length);
});

test("the document depends on the contents alone", async () => {
  const contents = { client: [yaml!], server: [hono!] };
  expect(await sbom(facts, contents)).toBe(await sbom(facts, contents));
});
