import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VISIBLE_NAME_RULE } from "../../protocol/mod.ts";
import { checkConfig, ConfigError, loadConfig, parseConfig, serverUrls } from "./config.ts";

const example = `client_token: "client-your-token-here"
server_url: "ws://your-server:8080/ws"   # wss:// in production
max_parallel: 3
providers:
  - type: "openai"
    api_key: "sk-your-api-key"
    base_url: "https://api.openai.com/v1"  # optional, default OpenAI
    models:
      - local: "gpt-4-turbo"
        server_mapping: "pro-model"
`;
const usable = example.replace("client-your-token-here", "client-abc");

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "colink-config-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function problemsIn(text: string, env = {}): string[] {
  try {
    parseConfig(text, env);
  } catch (error) {
    if (error instanceof ConfigError) return [...error.problems];
    throw error;
  }
  return [];
}

test("the example is accepted once it has a token", () => {
  expect(parseConfig(usable, {})).toEqual({
    client_token: "client-abc",
    server_url: "ws://your-server:8080/ws",
    max_parallel: 3,
    providers: [{
      type: "openai",
      api_key: "sk-your-api-key",
      base_url: "https://api.openai.com/v1",
      models: [{ local: "gpt-4-turbo", server_mapping: "pro-model" }],
    }],
  });
});

test("the example's own token is refused, and it is said where to get one", () => {
  expect(problemsIn(example)).toEqual([
    "config.yaml:1:15: client_token is still the example's; copy your own node token from the console's Keys page",
  ]);
});

test("an API key in the place of the node token is named before a gateway refuses it", () => {
  expect(problemsIn(example.replace("client-your-token-here", "sk-colink-abc"))).toEqual([
    "config.yaml:1:15: client_token is an API key, which calls models; nodes need the node token, client-…",
  ]);
});

test("every problem is named at once, with line and column", () => {
  const problems = problemsIn(`client_token: abc
server_url: "ftp://host/ws"
maxParallel: 3
max_parallel: "three"
providers:
  - type: openai
    api_key: 12345
    modles: []
    models:
      - local: a
        server_mapping: one
      - local: b
        server_mapping: one
  - type: gemini
    models: []
  - type: claude
    models: [{}, null]
`);
  expect(problems).toEqual([
    'config.yaml:2:13: server_url must be an address such as "wss://your-server/ws"',
    "config.yaml:3:1: maxParallel is not known; did you mean max_parallel?",
    "config.yaml:4:15: max_parallel must be a whole number, not text",
    "config.yaml:7:14: providers[0].api_key must be text, not a number",
    "config.yaml:8:5: providers[0].modles is not known; did you mean models?",
    'config.yaml:13:25: providers[0].models[1].server_mapping: "one" is mapped twice in this provider',
    'config.yaml:14:11: providers[1].type must be one of "openai", "claude"',
    "config.yaml:17:14: providers[2].models[0].local is missing",
    "config.yaml:17:18: providers[2].models[1] must be a group of keys, not nothing",
  ]);
});

test("text that is not YAML is refused with its place", () => {
  expect(problemsIn("a:\n  - b: c\n\td: 1\ne: 2")).toEqual([
    "config.yaml:3:1: tabs cannot be used to indent; use spaces",
  ]);
  expect(problemsIn("providers: [")[0]).toStartWith("config.yaml:1:13: ");
  expect(problemsIn("a: 1\na: 2")[0]).toStartWith("config.yaml:2:1: ");
  expect(problemsIn("")).toEqual([
    "config.yaml:1:1: the configuration must be keys, not nothing",
  ]);
});

test("a file that offers nothing is refused", () => {
  expect(problemsIn("client_token: a\nserver_url: ws://localhost\nproviders: []")).toEqual([
    "config.yaml:3:12: providers must name at least one provider",
  ]);
});

test("a name without server_mapping counts as its own, so mapping it twice is refused", () => {
  const text = usable.replace(
    `        server_mapping: "pro-model"`,
    `      - local: other\n        server_mapping: gpt-4-turbo`,
  );
  expect(problemsIn(text)).toEqual([
    'config.yaml:11:25: providers[0].models[1].server_mapping: "gpt-4-turbo" is mapped twice in this provider',
  ]);
});

test("a name that could pass for another one is refused, where callers would see it", () => {
  const lookalike = "pr\u043e-model";
  const [problem, ...more] = problemsIn(usable.replace("pro-model", lookalike));
  expect(problem).toStartWith("config.yaml:10:25: providers[0].models[0].server_mapping must be 1");
  expect(more).toEqual([]);
  expect(problemsIn(usable.replace("gpt-4-turbo", lookalike))).toEqual([]);
  const unmapped = usable.replace("gpt-4-turbo", lookalike).replace(/ *server_mapping.*/, "");
  expect(problemsIn(unmapped)[0]).toStartWith(
    "config.yaml:9:16: providers[0].models[0].local must",
  );
});

test("two providers may offer the same name", () => {
  const second = usable.slice(usable.indexOf("  - type"));
  expect(parseConfig(usable + second, {}).providers).toHaveLength(2);
});

test("environment variables are expanded inside values", () => {
  const text = usable.replace("sk-your-api-key", "Bearer ${PROVIDER_KEY}!");
  const config = parseConfig(text, { PROVIDER_KEY: "k-1" });
  expect(config.providers[0]!.api_key).toBe("Bearer k-1!");
});

test("a variable that is not set is named, and its value is not complained of as well", () => {
  const text = usable.replace('"https://api.openai.com/v1"', '"${NO_SUCH_URL}"');
  expect(problemsIn(text)).toEqual([
    "config.yaml:7:15: the environment variable NO_SUCH_URL is not set",
  ]);
});

test("http and https stand for ws and wss, and the path defaults to /ws", () => {
  const dialled = (url: string) =>
    serverUrls(parseConfig(usable.replace("ws://your-server:8080/ws", url), {})).map(({ href }) =>
      href
    ).join();
  expect(dialled("http://a:1")).toBe("ws://a:1/ws");
  expect(dialled("https://a/")).toBe("wss://a/ws");
  expect(dialled("wss://a/hub/ws")).toBe("wss://a/hub/ws");
});

test("fetching images is for claude providers to allow, by true or false", () => {
  const text = usable.replace("    models:", "    fetch_images: yes please\n    models:");
  expect(problemsIn(text)).toEqual([
    "config.yaml:8:5: providers[0].fetch_images is not for this type of provider",
  ]);
  expect(problemsIn(text.replace('"openai"', '"claude"'))).toEqual([
    "config.yaml:8:19: providers[0].fetch_images must be true or false, not text",
  ]);
  const allowed = text.replace('"openai"', '"claude"').replace("yes please", "true");
  expect(problemsIn(allowed)).toEqual([]);
});

test("keys of one provider type are not keys of another", () => {
  const text = usable.replace("    models:", '    anthropic_version: "2023-06-01"\n    models:');
  expect(problemsIn(text)).toEqual([
    "config.yaml:8:5: providers[0].anthropic_version is not for this type of provider",
  ]);
  expect(problemsIn(text.replace('"openai"', '"claude"'))).toEqual([]);
});

/** The example's first provider with other models. */
const withModels = (models: string) => usable.slice(0, usable.indexOf("    models:")) + models;

test("models may be auto, with rules or without", () => {
  const [plain] = parseConfig(withModels("    models: auto\n"), {}).providers;
  expect(plain!.models).toBe("auto");
  const rules = { prefix: "studio/", allow: ["llama3*", "qwen*"], deny: ["*embed*"] };
  const text = `    models:\n      auto: ${JSON.stringify(rules)}\n`;
  expect(parseConfig(withModels(text), {}).providers[0]!.models).toEqual({ auto: rules });
});

test("what is wrong with auto is named as precisely as everything else", () => {
  const problems = (models: string) =>
    problemsIn(withModels(models)).map((line) => line.replace(/^config\.yaml:/, ""));
  expect(problems("    models: all\n")).toEqual([
    '8:13: providers[0].models must be a list of models, or "auto"',
  ]);
  expect(problems("    models:\n      autom:\n        prefix: a\n")).toEqual([
    "9:7: providers[0].models.auto is missing",
    "9:7: providers[0].models.autom is not known; did you mean auto?",
  ]);
  expect(problems("    models:\n      auto:\n        prefx: a\n        allow: []\n")).toEqual([
    "10:9: providers[0].models.auto.prefx is not known; did you mean prefix?",
    "11:16: providers[0].models.auto.allow must name at least one pattern",
  ]);
  expect(problems("    models:\n      auto:\n        allow: llama3*\n        deny: [1]\n")).toEqual(
    [
      "10:16: providers[0].models.auto.allow must be a list, not text",
      "11:16: providers[0].models.auto.deny[0] must be text, not a number",
    ],
  );
  expect(problems('    models:\n      auto:\n        prefix: "a\\tb"\n')).toEqual([
    "10:17: providers[0].models.auto.prefix must be the beginning of names that callers can ask for",
  ]);
  expect(problems("")).toEqual(["5:5: providers[0].models is missing"]);
});

test("endpoints are those that the type of provider can serve", () => {
  const openai = usable.replace("    models:", "    endpoints: [chat, embeddings]\n    models:");
  expect(parseConfig(openai, {}).providers[0]!.endpoints).toEqual(["chat", "embeddings"]);
  const all =
    "chat, completions, embeddings, responses, messages, count_tokens, rerank, moderations";
  expect(problemsIn(openai.replace("chat, embeddings", all))).toEqual([]);
  expect(problemsIn(openai.replace('"openai"', '"claude"'))).toEqual([
    'config.yaml:8:23: providers[0].endpoints[1] must be one of those that a provider of type "claude" can serve: chat, responses, messages, count_tokens',
  ]);
  expect(problemsIn(`${usable}        endpoints: []\n`)).toEqual([
    "config.yaml:11:20: providers[0].models[0].endpoints must name at least one endpoint",
  ]);
});

test("a path of the API's own begins with a slash", () => {
  const withPath = (path: string) =>
    usable.replace("    models:", `    api_path: ${JSON.stringify(path)}\n    models:`);
  for (const path of ["/", "/v3", "/openai/v1/"]) {
    expect(parseConfig(withPath(path), {}).providers[0]!.api_path).toBe(path);
  }
  for (const path of ["", "v1", "/v1?a=b", "/#x"]) {
    expect(problemsIn(withPath(path))).toEqual([
      'config.yaml:8:15: providers[0].api_path must be a path such as "/v1", or "/" where the API has none',
    ]);
  }
});

test("an address that goes on to an endpoint is refused", () => {
  for (const path of ["/chat/completions", "/messages/count_tokens/", "/rerank", "/models"]) {
    const text = usable.replace("https://api.openai.com/v1", `https://api.openai.com/v1${path}`);
    expect(problemsIn(text)).toEqual([
      "config.yaml:7:15: providers[0].base_url must end before the endpoint: the node appends /chat/completions and others itself",
    ]);
  }
});

test("a file with keys that others can read is refused, and says how to close it", () => {
  const path = join(folder, "open.yaml");
  writeFileSync(path, usable);
  for (const mode of [0o644, 0o604, 0o602]) {
    chmodSync(path, mode);
    expect(() => loadConfig(path, {})).toThrow(
      `${path}: holds your keys, and others on this machine can read it; run: chmod 600 ${path}`,
    );
  }
});

test.skipIf(process.getuid?.() !== 0)(
  "a group may read what root gave it, as systemd's credentials, but not a user's own file",
  () => {
    const path = join(folder, "group.yaml");
    writeFileSync(path, usable);
    for (const mode of [0o440, 0o640, 0o400]) {
      chmodSync(path, mode);
      expect(loadConfig(path, {}).config.client_token).toBeString();
    }
    chownSync(path, 65534, 65534);
    chmodSync(path, 0o640);
    expect(() => loadConfig(path, {})).toThrow("holds your keys, and its group can read it");
  },
);

test("a variable may have a default, and stand for a number", () => {
  const parse = (line: string, env: Record<string, string>) =>
    parseConfig(`${usable.replace(/^(max_parallel|name): .*/gm, "")}\n${line}\n`, env);
  expect(parse("max_parallel: ${N}", { N: "7" }).max_parallel).toBe(7);
  expect(parse("max_parallel: ${N:-3}", {}).max_parallel).toBe(3);
  expect(parse("max_parallel: ${N:-3}", { N: "" }).max_parallel).toBe(3);
  expect(parse("name: ${N:-12}", {}).name).toBe("12");
  expect(parse('name: "${N:-}"', {}).name).toBe("");
  expect(parse("name: a-${N:-b}-${M}", { N: "x", M: "y" }).name).toBe("a-x-y");
  expect(() => parse("max_parallel: ${N}", { N: "many" })).toThrow("must be a whole number");
  expect(() => parse('max_parallel: "${N}"', { N: "7" })).toThrow("must be a whole number");
  expect(() => parse("max_parallel: ${N}", {})).toThrow("the environment variable N is not set");
});

test("files of certificates are found beside the configuration, and a wrong one is named", () => {
  const path = join(folder, "network.yaml");
  const write = (lines: string) => writeFileSync(path, usable + lines + "\n", { mode: 0o600 });
  writeFileSync(join(folder, "ca.pem"), "-----BEGIN CERTIFICATE-----\n");
  write("\nca_file: ca.pem");
  const { config, files } = loadConfig(path, {});
  expect([config.ca_file, files]).toEqual([join(folder, "ca.pem"), [join(folder, "ca.pem")]]);
  write("\nca_file: none.pem");
  expect(() => loadConfig(path, {})).toThrow(/:\d+:\d+: ca_file \S+none\.pem: ENOENT/);
  write("\nca_file: network.yaml");
  expect(() => loadConfig(path, {})).toThrow("is no PEM file");
  write("\nclient_cert_file: ca.pem");
  expect(() => loadConfig(path, {})).toThrow("client_key_file is missing");
});

test("credentials in an address are refused, and it is said where they belong", () => {
  const base = usable.replace(/base_url: .*/, "");
  expect(() =>
    parseConfig(
      base.replace('- type: "openai"', '- type: "openai"\n    base_url: "http://u:canary@h"'),
      {},
    )
  )
    .toThrow("must have no user name and password in it; put them into headers");
});

test("others may read a file whose keys all come from the environment", () => {
  const path = join(folder, "keyless.yaml");
  const token = "client-from-the-environment";
  const keyless = usable.replace(/client_token: .*/, "client_token: ${TOKEN}")
    .replace(/api_key: .*/, "api_key: ${KEY}");
  writeFileSync(path, keyless, { mode: 0o644 });
  expect(loadConfig(path, { TOKEN: token, KEY: "sk-x" }).config.client_token).toBe(token);
  writeFileSync(path, keyless.replace("${KEY}", "sk-written-down"));
  expect(() => loadConfig(path, { TOKEN: token })).toThrow("chmod 600");
});

test("an unencrypted link to another machine is warned of", () => {
  const path = join(folder, "plain.yaml");
  writeFileSync(path, usable, { mode: 0o600 });
  expect(loadConfig(path, {}).warnings).toEqual([
    "server_url is not encrypted: your token and all prompts can be read on the way to your-server; use wss://",
  ]);
});

test("a private file and a link inside the machine are not warned of", () => {
  const path = join(folder, "private.yaml");
  writeFileSync(path, usable.replace("your-server", "localhost"), { mode: 0o600 });
  expect(loadConfig(path, {}).warnings).toEqual([]);
});

test("a file that is not there is named with the way out", () => {
  expect(() => loadConfig("/no/such.yaml", {})).toThrow(
    "/no/such.yaml: no such file; name one with --config PATH, or make one with the command join",
  );
});

test("a file with a secret in a header is as private as one with a key, other headers are not", () => {
  const path = join(folder, "headers.yaml");
  const env = { TOKEN: "client-from-the-environment", KEY: "sk-x" };
  const withHeader = (name: string) =>
    usable.replace(/client_token: .*/, "client_token: ${TOKEN}").replace(
      /api_key: .*/,
      "api_key: ${KEY}",
    )
      .replace("    models:", `    headers: { ${name}: written-down }\n    models:`);
  for (const name of ["x-api-key", "Authorization", "cookie", "x-session-token"]) {
    writeFileSync(path, withHeader(name));
    chmodSync(path, 0o644);
    expect(() => loadConfig(path, env)).toThrow("chmod 600");
  }
  writeFileSync(path, withHeader("x-team"));
  expect(loadConfig(path, env).config.providers[0]!.headers).toEqual({ "x-team": "written-down" });
});

test("headers must be such as HTTP can have", () => {
  for (const header of ["two words: a", '"x": "a\\nb"']) {
    const text = usable.replace("    models:", `    headers: { ${header} }\n    models:`);
    expect(problemsIn(text)).toEqual([
      "config.yaml:8:14: providers[0].headers has a name or a value that HTTP headers cannot have",
    ]);
  }
});

test("a key is guessed only where one is near, and the nearest then", () => {
  const guess = (key: string) => problemsIn(`${usable}${key}: 1\n`)[0]!.split(" is not known")[1];
  expect(guess("server-urls-")).toBe("; did you mean server_urls?");
  expect(guess("server_ul")).toBe("; did you mean server_url?");
  expect(guess("srvr_urlz")).toBe("; did you mean server_url?");
  expect(guess("nam")).toBe("; did you mean name?");
  expect(guess("nxyz")).toBe("");
  expect(guess("timeout")).toBe("");
});

/** A configuration with so many models in each of two providers. */
function checked(count: number, change: object = {}): string[] {
  const models = Array.from({ length: count }, (_, i) => ({ local: `m${i}` }));
  const config = {
    client_token: "client-abc",
    server_url: "ws://localhost",
    providers: [1, 2].map(() => ({ type: "openai" as const, models })),
    ...change,
  };
  try {
    checkConfig(config);
  } catch (error) {
    if (error instanceof ConfigError) return [...error.problems];
    throw error;
  }
  return [];
}

test("what is counted has bounds: models, addresses, calls at a time, the length of a name", () => {
  expect(checked(500)).toEqual([]);
  expect(checked(501)).toEqual(["providers offer 1002 models; a node may offer 1000"]);
  const urls = (count: number) => ({ server_urls: Array(count).fill("ws://localhost") });
  expect(checked(1, urls(100))).toEqual([]);
  expect(checked(1, urls(101))).toEqual(["server_urls must be at most 100 addresses"]);
  expect(checked(1, { name: "x".repeat(200) })).toEqual([]);
  expect(checked(1, { name: "x".repeat(201) })).toEqual(["name must be at most 200 characters"]);
  expect(checked(1, { name: "pc\u202egnp" })).toEqual([`name must be ${VISIBLE_NAME_RULE}`]);
  for (const max_parallel of [1, 10_000]) expect(checked(1, { max_parallel })).toEqual([]);
  expect(checked(1, { max_parallel: 0 })).toEqual(["max_parallel must be 1 or more"]);
  expect(checked(1, { read_ahead_mib: 0 })).toEqual([]);
  expect(checked(1, { read_ahead_mib: -1 })).toEqual(["read_ahead_mib must be 0 or more"]);
  expect(checked(1, { read_ahead_mib: 5000 })).toEqual(["read_ahead_mib must be at most 4096"]);
  expect(checked(1, { max_parallel: 10_001 })).toEqual(["max_parallel must be at most 10000"]);
});

test("a server's name in the place of the type is answered with what to write", () => {
  const config = (type: string) =>
    `client_token: client-a\nserver_url: ws://h\nproviders: [{ type: ${type}, models: auto }]`;
  const cases = [
    ["ollama", 'for ollama write type: "openai", with base_url: "http://127.0.0.1:11434/v1"'],
    ["anthropic", 'for anthropic write type: "claude"'],
    ["nonsense", 'must be one of "openai", "claude"'],
  ];
  for (const [type = "", said = ""] of cases) {
    expect(() => parseConfig(config(type), {})).toThrow(said);
  }
});

test("a token is read from the file that stands for it, unless others can read that", () => {
  const folder = mkdtempSync(join(tmpdir(), "colink-token-"));
  const path = join(folder, "config.yaml");
  const write = (more = "") =>
    writeFileSync(
      path,
      `client_token_file: token\n${more}server_url: ws://localhost\nproviders: [{ type: openai, models: auto }]\n`,
    );
  try {
    write();
    expect(() => loadConfig(path, {})).toThrow("token: no such file; join a gateway first");
    writeFileSync(join(folder, "token"), "client-abc\n", { mode: 0o644 });
    expect(() => loadConfig(path, {})).toThrow("others on this machine can read it");
    chmodSync(join(folder, "token"), 0o600);
    expect(loadConfig(path, {})).toMatchObject({
      config: { client_token: "client-abc" },
      files: ["token"],
    });
    write("client_token: client-b\n");
    expect(() => loadConfig(path, {})).toThrow("one of them is enough");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
