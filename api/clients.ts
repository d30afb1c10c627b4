/**
 * The programs and libraries that people call the gateway with, and what each of them must be given.
 * From this table come docs/clients.md, its Chinese edition, the console's snippets, and the settings
 * with which `bun run compatibility --clients` runs the real programs.
 */

/** The APIs by which a client can call the gateway. */
export const clientDialects = Object.freeze({
  chat: "/v1/chat/completions",
  responses: "/v1/responses",
  messages: "/v1/messages",
});
type ClientDialect = keyof typeof clientDialects;

export interface Client {
  name: string;
  /** The dialects that it can speak; with its snippets it speaks the first. */
  dialects: readonly ClientDialect[];
  snippets: readonly ClientSnippet[];
  /** What else its users should know, as Markdown of one paragraph. */
  note?: Readonly<Record<"en" | "zh-CN", string>>;
}

export interface ClientSnippet {
  /** The file that it is, below the user's home as `~/…`; absent: lines of code, or for a shell. */
  file?: string;
  language: SnippetLanguage;
  text(values: ClientValues): string;
}

type SnippetLanguage =
  | "sh"
  | "json"
  | "toml"
  | "yaml"
  | "python"
  | "javascript"
  | "go"
  | "java"
  | "rust";

/** What the snippets are filled with. */
export interface ClientValues {
  /** The gateway's: `https://gateway.example` */
  address: string;
  /** An API key, `sk-colink-…` */
  key: string;
  model: string;
}

/** Code that makes one call, and libraries. */
export const libraries: readonly Client[] = Object.freeze<Client[]>([
  {
    name: "curl",
    dialects: ["chat", "responses", "messages"],
    snippets: [
      shell(({ address, key, model }) =>
        `curl ${quoted(`${address}/v1/chat/completions`)} \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d ${quoted(json({ model, messages: [{ role: "user", content: "Hello" }] }))}`
      ),
    ],
  },
  {
    name: "OpenAI SDK, Python",
    dialects: ["chat", "responses"],
    snippets: [code("python", ({ address, key, model }) =>
      `from openai import OpenAI

client = OpenAI(base_url=${json(`${address}/v1`)}, api_key=${json(key)})

stream = client.chat.completions.create(
    model=${json(model)},
    messages=[{"role": "user", "content": "Hello"}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="")`)],
  },
  {
    name: "OpenAI SDK, JavaScript",
    dialects: ["chat", "responses"],
    snippets: [code("javascript", ({ address, key, model }) =>
      `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: ${json(`${address}/v1`)},
  apiKey: ${json(key)},
});

const stream = await client.chat.completions.create({
  model: ${json(model)},
  messages: [{ role: "user", content: "Hello" }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}`)],
  },
  {
    name: "Anthropic SDK, Python",
    dialects: ["messages"],
    snippets: [code("python", ({ address, key, model }) =>
      `from anthropic import Anthropic

client = Anthropic(base_url=${json(address)}, api_key=${json(key)})

message = client.messages.create(
    model=${json(model)},
    max_tokens=1000,
    messages=[{"role": "user", "content": "Hello"}],
)
print(message.content[0].text)`)],
    note: {
      en: "The address stands without `/v1`, which the SDK adds.",
      "zh-CN": "地址不带 `/v1`，SDK 会自己加上。",
    },
  },
  {
    name: "LangChain",
    dialects: ["chat", "responses", "messages"],
    snippets: [code("python", ({ address, key, model }) =>
      `from langchain_openai import ChatOpenAI

chat = ChatOpenAI(base_url=${json(`${address}/v1`)}, api_key=${json(key)}, model=${json(model)})
print(chat.invoke("Hello").content)`)],
  },
  {
    name: "LlamaIndex",
    dialects: ["chat", "responses", "messages"],
    snippets: [
      code(
        "python",
        ({ address, key, model }) =>
          `from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    api_base=${json(`${address}/v1`)},
    api_key=${json(key)},
    model=${json(model)},
    is_chat_model=True,
    is_function_calling_model=True,
)
print(llm.complete("Hello"))`,
      ),
    ],
  },
  {
    name: "pydantic-ai",
    dialects: ["chat", "responses", "messages"],
    snippets: [code("python", ({ address, key, model }) =>
      `from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(base_url=${json(`${address}/v1`)}, api_key=${json(key)})
agent = Agent(OpenAIChatModel(${json(model)}, provider=provider))
print(agent.run_sync("Hello").output)`)],
  },
  {
    name: "instructor",
    dialects: ["chat", "responses", "messages"],
    snippets: [code("python", ({ address, key, model }) =>
      `import instructor
from openai import OpenAI
from pydantic import BaseModel

class Person(BaseModel):
    name: str
    age: int

client = instructor.from_openai(
    OpenAI(base_url=${json(`${address}/v1`)}, api_key=${json(key)}),
)
person = client.chat.completions.create(
    model=${json(model)},
    messages=[{"role": "user", "content": "Ada is 36 years old."}],
    response_model=Person,
)`)],
  },
  {
    name: "OpenAI Agents SDK, Python",
    dialects: ["responses", "chat"],
    snippets: [
      code(
        "python",
        ({ address, key, model }) =>
          `from agents import Agent, Runner, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)
set_default_openai_client(AsyncOpenAI(base_url=${json(`${address}/v1`)}, api_key=${json(key)}))
agent = Agent(name="Assistant", model=${json(model)})
print(Runner.run_sync(agent, "Hello").final_output)`,
      ),
    ],
  },
  {
    name: "OpenAI Agents SDK, JavaScript",
    dialects: ["responses", "chat"],
    snippets: [
      code(
        "javascript",
        ({ address, key, model }) =>
          `import { Agent, run, setDefaultOpenAIClient, setTracingDisabled } from "@openai/agents";
import OpenAI from "openai";

setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({
  baseURL: ${json(`${address}/v1`)},
  apiKey: ${json(key)},
}));
const agent = new Agent({ name: "Assistant", model: ${json(model)} });
console.log((await run(agent, "Hello")).finalOutput);`,
      ),
    ],
  },
  {
    name: "AI SDK",
    dialects: ["chat", "responses", "messages"],
    snippets: [
      code(
        "javascript",
        ({ address, key, model }) =>
          `import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";

const colink = createOpenAICompatible({
  name: "co-link",
  baseURL: ${json(`${address}/v1`)},
  apiKey: ${json(key)},
});
const { text } = await generateText({ model: colink(${json(model)}), prompt: "Hello" });
console.log(text);`,
      ),
    ],
  },
  {
    name: "openai-go",
    dialects: ["chat", "responses"],
    snippets: [code("go", ({ address, key, model }) =>
      `client := openai.NewClient(
	option.WithBaseURL(${json(`${address}/v1`)}),
	option.WithAPIKey(${json(key)}),
)
answer, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
	Model:    ${json(model)},
	Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")},
})`)],
  },
  {
    name: "openai-java",
    dialects: ["chat", "responses"],
    snippets: [
      code("java", ({ address, key, model }) =>
        `OpenAIClient client = OpenAIOkHttpClient.builder()
    .baseUrl(${json(`${address}/v1`)})
    .apiKey(${json(key)})
    .build();
ChatCompletion answer = client.chat().completions().create(
    ChatCompletionCreateParams.builder().model(${json(model)}).addUserMessage("Hello").build());`),
    ],
  },
  {
    name: "async-openai",
    dialects: ["chat", "responses"],
    snippets: [code("rust", ({ address, key }) =>
      `let config = OpenAIConfig::new()
    .with_api_base(${json(`${address}/v1`)})
    .with_api_key(${json(key)});
let client = Client::with_config(config);`)],
  },
]);

/** Complete programs. */
export const programs: readonly Client[] = Object.freeze<Client[]>([
  {
    name: "Claude Code",
    dialects: ["messages"],
    snippets: [shell(({ address, key, model }) =>
      `export ANTHROPIC_BASE_URL=${quoted(address)}
export ANTHROPIC_AUTH_TOKEN=${quoted(key)}
export ANTHROPIC_MODEL=${quoted(model)}
export ANTHROPIC_DEFAULT_HAIKU_MODEL=${quoted(model)}
claude`
    )],
    note: {
      en:
        "Small tasks are given to the Haiku model. A context window that Claude Code does not know is set with `CLAUDE_CODE_MAX_CONTEXT_TOKENS`.",
      "zh-CN":
        "零碎的任务由 Haiku 模型承担。Claude Code 不认识的模型，上下文长度用 `CLAUDE_CODE_MAX_CONTEXT_TOKENS` 设置。",
    },
  },
  {
    name: "Codex",
    dialects: ["responses"],
    snippets: [
      file("~/.codex/config.toml", "toml", ({ address, model }) =>
        `model = ${json(model)}
model_provider = "co-link"

[model_providers.co-link]
name = "Co-Link"
base_url = ${json(`${address}/v1`)}
env_key = "COLINK_API_KEY"
wire_api = "responses"`),
      shell(({ key }) =>
        `export COLINK_API_KEY=${quoted(key)}
codex`
      ),
    ],
    note: {
      en:
        "The web search that it offers to every model is left out where the model's provider has none. `model_context_window` sets a context length that Codex does not know.",
      "zh-CN":
        "Codex 会向所有模型提供网页搜索；模型服务没有这项功能时，会自动略去。Codex 不知道的上下文长度用 `model_context_window` 设置。",
    },
  },
  {
    name: "opencode",
    dialects: ["chat", "responses", "messages"],
    snippets: [
      file("~/.config/opencode/opencode.json", "json", ({ address, model }) =>
        pretty({
          $schema: "https://opencode.ai/config.json",
          provider: {
            "co-link": {
              npm: "@ai-sdk/openai-compatible",
              name: "Co-Link",
              options: { baseURL: `${address}/v1`, apiKey: "{env:COLINK_API_KEY}" },
              models: { [model]: {} },
            },
          },
          model: `co-link/${model}`,
        })),
      shell(({ key }) =>
        `export COLINK_API_KEY=${quoted(key)}
opencode`
      ),
    ],
  },
  {
    name: "GitHub Copilot CLI",
    dialects: ["chat", "responses", "messages"],
    snippets: [
      shell(({ address, key, model }) =>
        `export COPILOT_PROVIDER_BASE_URL=${quoted(`${address}/v1`)}
export COPILOT_PROVIDER_API_KEY=${quoted(key)}
export COPILOT_MODEL=${quoted(model)}
copilot`
      ),
    ],
    note: {
      en:
        "`COPILOT_PROVIDER_WIRE_API=responses` and `COPILOT_PROVIDER_TYPE=anthropic` choose the other dialects; the latter wants the address without `/v1`.",
      "zh-CN":
        "`COPILOT_PROVIDER_WIRE_API=responses` 和 `COPILOT_PROVIDER_TYPE=anthropic` 可改用另外两种接口；后者的地址不带 `/v1`。",
    },
  },
  {
    name: "Qwen Code",
    dialects: ["chat", "messages"],
    snippets: [shell(({ address, key, model }) =>
      `export OPENAI_BASE_URL=${quoted(`${address}/v1`)}
export OPENAI_API_KEY=${quoted(key)}
export OPENAI_MODEL=${quoted(model)}
qwen`
    )],
  },
  {
    name: "Cline",
    dialects: ["chat", "messages"],
    snippets: [
      shell(({ address, key, model }) =>
        `cline auth openai -b ${quoted(`${address}/v1`)} -k ${quoted(key)} -m ${quoted(model)}
cline`
      ),
    ],
    note: {
      en:
        "In an editor, choose the provider “OpenAI Compatible” and give it the same three values.",
      "zh-CN": "在编辑器里，提供商选“OpenAI Compatible”，再填入这三个值。",
    },
  },
  {
    name: "Continue",
    dialects: ["chat", "messages"],
    snippets: [file("~/.continue/config.yaml", "yaml", ({ address, key, model }) =>
      `name: Co-Link
version: 1.0.0
schema: v1
models:
  - name: ${json(model)}
    provider: openai
    model: ${json(model)}
    apiBase: ${json(`${address}/v1`)}
    apiKey: ${json(key)}
    roles: [chat, edit, apply]`)],
  },
  {
    name: "pi",
    dialects: ["chat", "responses", "messages"],
    snippets: [
      file("~/.pi/agent/models.json", "json", ({ address, model }) =>
        pretty({
          providers: {
            "co-link": {
              baseUrl: `${address}/v1`,
              api: "openai-completions",
              apiKey: "$COLINK_API_KEY",
              models: [{ id: model }],
            },
          },
        })),
      shell(({ key, model }) =>
        `export COLINK_API_KEY=${quoted(key)}
pi --provider co-link --model ${quoted(model)}`
      ),
    ],
  },
  {
    name: "aider",
    dialects: ["chat", "messages"],
    snippets: [shell(({ address, key, model }) =>
      `export OPENAI_API_BASE=${quoted(`${address}/v1`)}
export OPENAI_API_KEY=${quoted(key)}
aider --model ${quoted(`openai/${model}`)}`
    )],
  },
  {
    name: "llm",
    dialects: ["chat"],
    snippets: [
      file(
        "~/.config/io.datasette.llm/extra-openai-models.yaml",
        "yaml",
        ({ address, model }) =>
          `- model_id: ${json(model)}
  model_name: ${json(model)}
  api_base: ${json(`${address}/v1`)}
  api_key_name: co-link
  supports_tools: true`,
      ),
      shell(({ key, model }) =>
        `llm keys set co-link --value ${quoted(key)}
llm -m ${quoted(model)} "Hello"`
      ),
    ],
    note: {
      en: "`llm logs path` shows the folder of the file where it is another.",
      "zh-CN": "文件所在的目录如有不同，`llm logs path` 会显示。",
    },
  },
  {
    name: "Open WebUI",
    dialects: ["chat", "responses"],
    snippets: [shell(({ address, key }) =>
      `export OPENAI_API_BASE_URLS=${quoted(`${address}/v1`)}
export OPENAI_API_KEYS=${quoted(key)}
open-webui serve`
    )],
    note: {
      en:
        "It lists the models itself. In the administrator's settings it is a connection of the type OpenAI.",
      "zh-CN": "模型列表由它自己读取。在管理员设置里，这是一条 OpenAI 类型的连接。",
    },
  },
  {
    name: "LiteLLM",
    dialects: ["chat", "responses", "messages"],
    snippets: [code("python", ({ address, key, model }) =>
      `import litellm

answer = litellm.completion(
    model=${json(`openai/${model}`)},
    api_base=${json(`${address}/v1`)},
    api_key=${json(key)},
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`)],
    note: {
      en: "Its proxy takes the same three values as `litellm_params` of a model.",
      "zh-CN": "它的代理把这三个值写进模型的 `litellm_params`。",
    },
  },
  {
    name: "OPENAI_BASE_URL",
    dialects: ["chat", "responses"],
    snippets: [shell(({ address, key, model }) =>
      `export OPENAI_BASE_URL=${quoted(`${address}/v1`)}
export OPENAI_API_KEY=${quoted(key)}
# ${model}`
    )],
    note: {
      en: "For every other program that reads OpenAI's variables.",
      "zh-CN": "适用于其他读取 OpenAI 环境变量的程序。",
    },
  },
]);

/** Clients that cannot call the gateway, and what they speak in place of its dialects. */
export const foreignClients: readonly { name: string; api: string }[] = Object.freeze([
  { name: "ollama", api: "Ollama: `/api/chat`, `/api/generate`" },
  { name: "gemini-cli", api: "Gemini: `/v1beta/models`" },
]);

function shell(text: ClientSnippet["text"]): ClientSnippet {
  return { language: "sh", text };
}

function code(language: SnippetLanguage, text: ClientSnippet["text"]): ClientSnippet {
  return { language, text };
}

function file(
  file: string,
  language: SnippetLanguage,
  text: ClientSnippet["text"],
): ClientSnippet {
  return { file, language, text };
}

/** A string in JSON is also one in YAML, TOML and every programming language here. */
function json(value: unknown): string {
  return JSON.stringify(value);
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** One word of a shell. The console shows keys with their middle as dots. */
function quoted(word: string): string {
  return /^[\w./:@•-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
