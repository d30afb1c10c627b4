/** Changes of config.yaml: one key at a time, and nothing else. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigFile } from "./config_file.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "colink-file-"));
  path = join(folder, "config.yaml");
});
afterEach(() => rmSync(folder, { recursive: true }));

const ollama = { type: "openai", base_url: "http://127.0.0.1:11434/v1" } as const;

const mine = `# my file
client_token_file: token
server_url: "wss://a.example/ws" # home
max_parallel: 3
providers:
  # at home
  - type: openai
    base_url: "http://localhost:11434"
    models:
      - local: a # the good one
      - local: b
        server_mapping: bee
  - { type: claude, api_key: "\${KEY}", models: auto }
`;

test("a new file has comments, and only its owner can read it", () => {
  const file = ConfigFile.open(path);
  file.join({ serverUrl: "wss://h/ws" });
  file.setModels(ollama, [{ local: "m" }]);
  file.setMaxParallel(2);
  expect(file.save()).toBe(true);
  const text = readFileSync(path, "utf8");
  expect(text).toContain("# Calls that run at the same time");
  expect(text).toContain("server_url: wss://h/ws\n");
  expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
});

test("what is not changed stays to the letter, and an unchanged file is not written", () => {
  writeFileSync(path, mine);
  const file = ConfigFile.open(path);
  file.join({ serverUrl: "wss://a.example/ws" });
  file.setModels(ollama, [{ local: "a" }, { local: "b" }]);
  file.setMaxParallel(3);
  file.save();
  expect(readFileSync(path, "utf8")).toBe(mine);
});

test("models come and go one by one, whichever way the server's address is written", () => {
  writeFileSync(path, mine);
  const file = ConfigFile.open(path);
  expect(file.modelsOf(ollama)).toEqual(["a", "b"]);
  file.setModels(ollama, [{ local: "a" }, { local: "c", endpoints: ["embeddings"] }]);
  file.save();
  const text = readFileSync(path, "utf8");
  expect(text).toContain("- local: a # the good one\n");
  expect(text).not.toContain("bee");
  expect(text).toContain("- local: c\n        endpoints:\n          - embeddings\n");
  expect(text).toContain("# at home");
});

test("a provider without models leaves, one that offers all of its own is left alone", () => {
  writeFileSync(path, mine);
  const file = ConfigFile.open(path);
  const claude = { type: "claude", api_key: "${KEY}" } as const;
  expect(file.modelsOf(claude)).toBe("auto");
  file.setModels(claude, []);
  file.setModels(ollama, []);
  file.save();
  const text = readFileSync(path, "utf8");
  expect(text).not.toContain("11434");
  expect(text).toContain("models: auto");
});

test("a file behind a link is changed where it is", () => {
  const real = join(folder, "real.yaml");
  writeFileSync(real, mine);
  symlinkSync(real, path);
  const file = ConfigFile.open(path);
  file.setMaxParallel(9);
  file.save();
  expect(readFileSync(real, "utf8")).toContain("max_parallel: 9");
});

test("a broken file is not touched", () => {
  writeFileSync(path, "providers: [\n");
  expect(() => ConfigFile.open(path)).toThrow("Cannot change");
  expect(readFileSync(path, "utf8")).toBe("providers: [\n");
});
