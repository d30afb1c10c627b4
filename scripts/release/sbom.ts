/** What the programs are made of, as a CycloneDX 1.6 document. */

import type { BuildFacts, ProgramName } from "../../release/mod.ts";
import type { Package } from "../build/licences.ts";
import { run } from "../program.ts";
import { at, root } from "../root.ts";

/** The packages that are part of each program, on any kind of machine. */
export type Contents = Readonly<Record<ProgramName, readonly Package[]>>;

interface Component {
  type: "library" | "application" | "platform";
  "bom-ref": string;
  name: string;
  version: string;
  purl?: string;
  licenses?: unknown[];
  hashes?: { alg: string; content: string }[];
  externalReferences?: { type: string; url: string }[];
}

/** The document as JSON, the same for the same contents. */
export async function sbom(facts: BuildFacts, contents: Contents): Promise<string> {
  const integrity = await lockedIntegrity();
  const packages = new Map(
    Object.values(contents).flat().map((one) => [purl(one), library(one, integrity)]),
  );
  const programs = Object.keys(contents).map((name) => program(name, facts));
  const dependsOn = (name: string) => [
    runtime["bom-ref"],
    ...[...new Set(contents[name as ProgramName].map(purl))].sort(),
  ];
  return JSON.stringify(
    {
      $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      version: 1,
      metadata: {
        ...(facts.committedAt && { timestamp: new Date(facts.committedAt).toISOString() }),
        component: program("", facts),
      },
      components: [
        ...programs,
        runtime,
        ...[...packages.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, one]) => one),
      ],
      dependencies: [
        { ref: program("", facts)["bom-ref"], dependsOn: programs.map((one) => one["bom-ref"]) },
        ...programs.map((one, i) => ({
          ref: one["bom-ref"],
          dependsOn: dependsOn(Object.keys(contents)[i]!),
        })),
      ],
    },
    null,
    2,
  ) + "\n";
}

/** One of our programs; the empty name stands for all of Co-Link. */
function program(name: string, { version }: BuildFacts): Component {
  const full = name === "" ? "co-link" : `colink-${name}`;
  return {
    type: "application",
    "bom-ref": full,
    name: full,
    version,
    licenses: [{ license: { id: "MIT" } }],
  };
}

const runtime: Component = {
  type: "platform",
  "bom-ref": `pkg:github/oven-sh/bun@bun-v${Bun.version}`,
  name: "bun",
  version: Bun.version,
  purl: `pkg:github/oven-sh/bun@bun-v${Bun.version}`,
  externalReferences: [{
    type: "license",
    url: `https://github.com/oven-sh/bun/blob/bun-v${Bun.version}/LICENSE.md`,
  }],
};

function library(one: Package, integrity: ReadonlyMap<string, string>): Component {
  const sum = integrity.get(`${one.name}@${one.version}`);
  const hash = sum === undefined ? null : Buffer.from(sum.replace(/^sha512-/, ""), "base64");
  return {
    type: "library",
    "bom-ref": purl(one),
    name: one.name,
    version: one.version,
    purl: purl(one),
    licenses: [
      /[ ()]/.test(one.license) ? { expression: one.license } : {
        license: { id: one.license },
      },
    ],
    ...(hash && { hashes: [{ alg: "SHA-512", content: hash.toString("hex") }] }),
  };
}

/** The package's address: https://github.com/package-url/purl-spec, type npm. */
function purl({ name, version }: Package): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}

/** By `name@version`: the digest that bun.lockb holds. */
async function lockedIntegrity(): Promise<Map<string, string>> {
  const { code, output } = await run([process.execPath, at("bun.lockb")], { cwd: root });
  if (code !== 0) throw new Error(`Cannot read bun.lockb: ${output}`);
  const sums = new Map<string, string>();
  for (const entry of output.split("\n\n")) {
    const [, name = ""] = /^"?(@?[^@"\s]+)@/m.exec(entry) ?? [];
    const [, version = ""] = /^\s+version "(.+)"$/m.exec(entry) ?? [];
    const [, sum] = /^\s+integrity (sha512-\S+)$/m.exec(entry) ?? [];
    if (sum !== undefined) sums.set(`${name}@${version}`, sum);
  }
  return sums;
}
