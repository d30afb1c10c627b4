/** What quickstart prints when all is running: everything needed for the next step, ready to copy. */

export interface Welcome {
  url: string;
  apiToken: string;
  model: string;
  origin: string;
  email: string;
  password: string;
  dataDir: string;
}

export function welcome(facts: Welcome): string {
  const { url, apiToken, model, origin, email, password, dataDir } = facts;
  const rule = "─".repeat(78);
  return `
${rule}
  Co-Link is running.

  API address  ${url}/v1
  API key      ${apiToken}
  Model        ${model}  (${origin})

  Console      ${url}
  Sign in      ${email}
  Password     ${password}
${rule}
Try it:

${curlLine(url, apiToken, model)}

Logs and the database are in ${dataDir}. Ctrl-C stops the node, then the gateway.
`;
}

/** One line, safe to paste into any shell that knows single quotes. */
export function curlLine(url: string, apiToken: string, model: string): string {
  const body = { model, stream: true, messages: [{ role: "user", content: "Hello!" }] };
  const words = [
    "curl",
    "-N",
    `${url}/v1/chat/completions`,
    "-H",
    quoted(`Authorization: Bearer ${apiToken}`),
    "-H",
    quoted("Content-Type: application/json"),
    "-d",
    quoted(JSON.stringify(body)),
  ];
  return words.join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
