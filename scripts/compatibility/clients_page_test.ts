import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import { type ClientSnippet, libraries, programs } from "../../api/clients.ts";
import { at } from "../root.ts";
import { clientPages, clientsPage, type Language } from "./clients_page.ts";

for (const [language, path] of Object.entries(clientPages) as [Language, string][]) {
  test(`${path} says what api/clients.ts says; \`bun run compatibility\` rewrites it`, () => {
    expect(readFileSync(at(path), "utf8")).toBe(clientsPage(language));
  });
}

/** A name that is no plain word in any of the languages. */
const values = {
  address: "https://colink.example",
  key: "sk-colink-abc",
  model: `org/it's a "model":7b`,
};

/** Throws for a text that is not of the language; the others are compiled by nothing here. */
const parsers: Partial<Record<ClientSnippet["language"], (text: string) => unknown>> = {
  json: JSON.parse,
  toml: Bun.TOML.parse,
  yaml: (text) => parseYaml(text),
  javascript: (text) => new Bun.Transpiler({ loader: "js" }).transformSync(text),
  sh: (text) => {
    const { exitCode, stderr } = Bun.spawnSync(["sh", "-n", "-c", text]);
    if (exitCode !== 0) throw new Error(stderr.toString());
  },
};

describe("whatever a model is named,", () => {
  for (const { name, snippets } of [...libraries, ...programs]) {
    test(`the snippets for ${name} are well-formed and contain address, key and model`, () => {
      const texts = snippets.map(({ language, text }) => {
        const filled = text(values);
        parsers[language]?.(filled);
        return filled;
      });
      for (const part of [values.address, values.key, "org/it"]) {
        // It is given a type of model by the compiler, or asks the gateway for its models.
        if (part === "org/it" && ["async-openai", "Open WebUI"].includes(name)) continue;
        expect(texts.join("\n")).toContain(part);
      }
    });
  }
});

test("a shell takes a model's name as one word", () => {
  const exported = programs.find(({ name }) => name === "Qwen Code")!.snippets[0]!.text(values)
    .replace(/\nqwen$/, `\nprintf '%s' "$OPENAI_MODEL"`);
  expect(Bun.spawnSync(["sh", "-c", exported]).stdout.toString()).toBe(values.model);
});

test("a shell reads the curl command as one call, whatever the model is named", () => {
  const curl = libraries.find(({ name }) => name === "curl")!.snippets[0]!.text(values);
  const line = curl.replace(/^curl/, "printf '%s\\n'");
  const words = Bun.spawnSync(["sh", "-c", line]).stdout.toString().split("\n");
  expect(words[0]).toBe("https://colink.example/v1/chat/completions");
  expect(words).toContain("Authorization: Bearer sk-colink-abc");
  expect(JSON.parse(words[words.indexOf("-d") + 1] ?? "").model).toBe(values.model);
});
