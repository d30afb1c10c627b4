/** docs/monitoring/ fits what the gateway measures, and Prometheus accepts it. */

import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { Budgets } from "./base/budgets.ts";
import { gauges } from "./gauges.ts";
import { Metrics } from "./http/metrics.ts";
import type { DashboardInJson } from "./testing/dashboard_in_json.ts";

const docs = join(import.meta.dir, "../docs");
const folder = join(docs, "monitoring");
const read = (file: string) => readFileSync(join(docs, file), "utf8");

interface Rule {
  alert: string;
  expr: string;
}
const rules = (parse(read("monitoring/alerts.yaml")) as { groups: { rules: Rule[] }[] }).groups
  .flatMap((group) => group.rules);

const { panels } = JSON.parse(read("monitoring/dashboard.json")) as DashboardInJson;

const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...panels.flatMap((panel) =>
    panel.type === "row" ? [] : panel.targets.map(({ expr }) =>
      // Grafana puts its own values in before it asks.
      [panel.title ?? "", expr.replaceAll("$__rate_interval", "5m")] as const
    )
  ),
];

/** The gateway's own /metrics; the values are not read, so that no part of it has to run. */
async function measured(): Promise<string> {
  const part = {} as never;
  const all = gauges({
    hub: part,
    calls: part,
    scheduler: part,
    store: part,
    limiter: part,
    ledger: part,
    cluster: part,
    policies: part,
    clock: part,
  });
  const named = Object.fromEntries(
    Object.entries(all).map(([name, { help }]) => [name, { help, read: () => 1 }]),
  );
  const budgets = new Budgets();
  budgets.add("downloads_per_network", { limit: 60 });
  return (await new Metrics(named, budgets).scrape()).text;
}

const families = [...(await measured()).matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name);

test("every metric that the dashboard, the alerts and the pages name is measured", () => {
  const texts = [...expressions.map(([, expr]) => expr), read("monitoring.md")];
  const named = texts.flatMap((text) => text.match(/\b(?:colink|process)_[a-z_]+[a-z]\b/g) ?? [])
    .map((name) => name.replace(/_(?:bucket|sum|count)$/, ""));
  expect(named.length).toBeGreaterThan(30);
  expect([...new Set(named)].filter((name) => !families.includes(name))).toEqual([]);
});

test("every expression is one of Prometheus' language", () => {
  for (const [where, expr] of expressions) {
    let isWrong = expr.trim() === "";
    parser.parse(expr).iterate({ enter: ({ type }) => void (isWrong ||= type.isError) });
    expect([where, expr, isWrong]).toEqual([where, expr, false]);
  }
});

test("docs/monitoring.md explains every alert", () => {
  for (const page of ["monitoring.md", "monitoring.zh.md"]) {
    const explained = [...read(page).matchAll(/^\| `(CoLink\w+)`/gm)].map(([, name]) => name);
    expect(explained).toEqual(rules.map(({ alert }) => alert));
  }
});

test("the dashboard has the shape that Grafana publishes, with every member known to it", () => {
  // Within the repository, so that the compiler finds the packages.
  const cache = join(docs, "../node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, "dashboard-"));
  try {
    const file = join(scratch, "dashboard.ts");
    writeFileSync(
      file,
      `import type { DashboardInJson } from "../../../server/testing/dashboard_in_json.ts";\n` +
        `export const dashboard: DashboardInJson = ${read("monitoring/dashboard.json")};\n`,
    );
    const options = [
      "--ignoreConfig",
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--allowImportingTsExtensions",
    ];
    const modules = ["--module", "esnext", "--moduleResolution", "bundler"];
    const tsc = join(docs, "../node_modules/typescript/bin/tsc");
    const { stdout } = Bun.spawnSync([process.execPath, tsc, ...options, ...modules, file]);
    expect(stdout.toString()).toBe("");
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test("no two panels of the dashboard overlap, and each has its own number", () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const places = panels.map(({ gridPos }) => gridPos!);
  const cells = places.flatMap(({ x, y, w, h }) =>
    Array.from({ length: w * h }, (_, i) => `${x + i % w},${y + Math.floor(i / w)}`)
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(places.every(({ x, w }) => x + w <= 24)).toBe(true);
});

const promtool = Bun.which("promtool");
if (promtool === null) {
  console.warn(
    "promtool is not installed: Debian's package prometheus has it. Its checks are left out",
  );
}

describe.skipIf(promtool === null)("Prometheus' own checks", () => {
  const run = (words: string[], stdin = "") => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([promtool ?? "", ...words], {
      cwd: folder,
      stdin: Buffer.from(stdin),
    });
    return { exitCode, said: `${stdout}${stderr}` };
  };

  test("accept the rules", () => {
    expect(run(["check", "rules", "alerts.yaml"])).toMatchObject({ exitCode: 0 });
  });

  test("let every alert fire where it should, and each only there", () => {
    expect(run(["test", "rules", "alerts.test.yaml"])).toMatchObject({ exitCode: 0 });
  });

  test("accept /metrics", async () => {
    const { exitCode, said } = run(["check", "metrics"], await measured());
    // 3: only remarks on names.
    expect([exitCode === 0 || exitCode === 3, said]).toEqual([true, said]);
    expect(said).not.toContain("error while linting");
  });
});
