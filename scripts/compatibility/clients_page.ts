/** Renders docs/clients.md and docs/clients.zh.md from api/clients.ts. */

import {
  type Client,
  clientDialects,
  type ClientSnippet,
  type ClientValues,
  foreignClients,
  libraries,
  programs,
} from "../../api/clients.ts";
import { table } from "./table.ts";

export type Language = "en" | "zh-CN";

/** The pages, by language. */
export const clientPages: Readonly<Record<Language, string>> = Object.freeze({
  en: "docs/clients.md",
  "zh-CN": "docs/clients.zh.md",
});

const values: ClientValues = Object.freeze({
  address: "https://gateway.example",
  key: "sk-colink-your-key",
  model: "model-name",
});

/** Renders the page in one language. */
export function clientsPage(language: Language): string {
  const t = texts[language];
  const sections = (clients: readonly Client[]) => clients.map((one) => section(one, language));
  const parts = [
    t.beginning,
    `## ${t.programs}`,
    ...sections(programs),
    `## ${t.libraries}`,
    ...sections(libraries),
    `## ${t.foreign}`,
    table([t.foreignHead, ...foreignClients.map(({ name, api }) => [name, api])]),
  ];
  return parts.join("\n\n") + "\n";
}

function section({ name, dialects, snippets, note }: Client, language: Language): string {
  const t = texts[language];
  const paths = dialects.map((dialect) => `\`${clientDialects[dialect]}\``);
  const parts = [
    `### ${name}`,
    t.speaks(paths),
    ...snippets.map(fence),
    ...(note === undefined ? [] : [note[language]]),
  ];
  return parts.join("\n\n");
}

function fence({ file, language, text }: ClientSnippet): string {
  const title = file === undefined ? "" : `\`${file}\`\n\n`;
  return `${title}\`\`\`${language}\n${text(values)}\n\`\`\``;
}

const header = `<!-- deno-fmt-ignore-file -->
<!-- Written by \`bun run compatibility\` from api/clients.ts. Do not edit. -->`;

const texts = Object.freeze({
  en: {
    beginning: `${header}

# Clients

What to set in each client. \`${values.address}\` stands for your gateway's address,
\`${values.key}\` for your API key, and \`${values.model}\` for one of the models that
\`GET /v1/models\` lists. The console shows the same snippets with your own values, where you create a
key and beside each model.

A client may use any model: the gateway serves its dialect whatever the model's provider speaks.
Where a client can speak several, its snippet makes it speak the first. What was tried with which
version: [compatibility.md](compatibility.md#programs).

[简体中文](clients.zh.md)`,
    programs: "Programs",
    libraries: "Libraries",
    speaks: (paths: readonly string[]) => `Speaks ${paths.join(", ")}.`,
    foreign: "Clients of other APIs",
    foreignHead: ["client", "speaks only"],
  },
  "zh-CN": {
    beginning: `${header}

# 客户端

各个客户端的设置方法。\`${values.address}\` 是网关的地址；请把 \`${values.key}\` 换成你的 API 密钥，\`${values.model}\` 换成 \`GET /v1/models\` 列出的某个模型。在控制台新建密钥时，以及在每个模型旁边，都能看到已填好这些值的同样代码。

任何客户端都可以使用任何模型：无论模型服务支持哪种接口，网关都会转换。支持多种接口的客户端，按这里的设置使用第一种。哪些版本经过实测，见 [compatibility.zh.md](compatibility.zh.md#程序)。

[English](clients.md)`,
    programs: "程序",
    libraries: "开发库",
    speaks: (paths: readonly string[]) => `使用 ${paths.join("、")}。`,
    foreign: "使用其他接口的客户端",
    foreignHead: ["客户端", "只支持"],
  },
});
