/** The clients of the campaign, with the versions that it installs. */

import type { Driver } from "./driver.ts";

const platform = `${process.platform}-${process.arch}`;

/** A command line that changes a file, for clients whose tool is a shell. */
function writing(path: string, text: string): string {
  return `echo ${word(text)} > ${word(path)}`;
}

function word(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export const drivers: readonly Driver[] = Object.freeze<Driver[]>([
  {
    client: "Claude Code",
    source: {
      registry: "npm",
      package: "@anthropic-ai/claude-code",
      version: "2.1.332",
      bin: `node_modules/@anthropic-ai/claude-code-${platform}`,
    },
    ask: (prompt) => `claude -p ${word(prompt)} --allowedTools Read Edit`,
    edit: ({ path, before, after }) => ({
      calls: [
        { name: "Read", arguments: { file_path: path } },
        { name: "Edit", arguments: { file_path: path, old_string: before, new_string: after } },
      ],
    }),
    env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" },
  },
  {
    client: "Codex",
    source: { registry: "npm", package: "@openai/codex", version: "0.171.0" },
    ask: (prompt) =>
      `codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox ${word(prompt)}`,
    edit: ({ path, after }) => ({
      calls: [
        { name: "exec_command", arguments: { cmd: `cat ${word(path)}` } },
        { name: "exec_command", arguments: { cmd: writing(path, after) } },
      ],
    }),
  },
  {
    client: "opencode",
    source: {
      registry: "npm",
      package: "opencode-ai",
      version: "1.18.33",
      bin: `node_modules/opencode-${platform}/bin`,
    },
    ask: (prompt) => `opencode run ${word(prompt)}`,
    edit: ({ path, before, after }) => ({
      calls: [
        { name: "read", arguments: { filePath: path } },
        { name: "edit", arguments: { filePath: path, oldString: before, newString: after } },
      ],
    }),
    env: { OPENCODE_DISABLE_AUTOUPDATE: "1", OPENCODE_DISABLE_MODELS_FETCH: "1" },
  },
  {
    client: "GitHub Copilot CLI",
    source: { registry: "npm", package: "@github/copilot", version: "1.0.102" },
    ask: (prompt) => `copilot --allow-all-tools -p ${word(prompt)}`,
    edit: ({ path, after }) => ({
      calls: [{
        name: "bash",
        arguments: { command: writing(path, after), description: "Change the file" },
      }],
    }),
    env: { COPILOT_OFFLINE: "true" },
  },
  {
    client: "Qwen Code",
    source: { registry: "npm", package: "@qwen-code/qwen-code", version: "0.24.4" },
    ask: (prompt) => `qwen --yolo -p ${word(prompt)}`,
    edit: ({ path, before, after }) => ({
      calls: [
        { name: "read_file", arguments: { file_path: path } },
        { name: "edit", arguments: { file_path: path, old_string: before, new_string: after } },
      ],
    }),
    env: { QWEN_CODE_SUPPRESS_YOLO_WARNING: "1" },
  },
  {
    client: "Cline",
    source: { registry: "npm", package: "cline", version: "3.0.65" },
    ask: (prompt) => `cline ${word(prompt)}`,
    edit: ({ path, after }) => ({
      calls: [{ name: "run_commands", arguments: { commands: [writing(path, after)] } }],
    }),
  },
  {
    client: "Continue",
    source: { registry: "npm", package: "@continuedev/cli", version: "1.5.47" },
    ask: (prompt) => `cn -p --auto ${word(prompt)}`,
    edit: ({ path, after }) => ({
      calls: [{ name: "Bash", arguments: { command: writing(path, after) } }],
    }),
    env: { CONTINUE_TELEMETRY_ENABLED: "0" },
  },
  {
    client: "pi",
    source: { registry: "npm", package: "@earendil-works/pi-coding-agent", version: "1.6.0" },
    ask: (prompt, model) => `pi -p --provider co-link --model ${model} ${word(prompt)}`,
    edit: ({ path, before, after }) => ({
      calls: [
        { name: "read", arguments: { path } },
        { name: "edit", arguments: { path, edits: [{ oldText: before, newText: after }] } },
      ],
    }),
  },
  {
    client: "aider",
    source: { registry: "pypi", package: "aider-chat", version: "0.86.2" },
    ask: (prompt, model) => aider(prompt, model),
    askWhole: (prompt, model) => `${aider(prompt, model)} --no-stream`,
    edit: ({ before, after }) => ({
      text: `note.txt\n<<<<<<< SEARCH\n${before}\n=======\n${after}\n>>>>>>> REPLACE\n`,
    }),
  },
  {
    client: "llm",
    source: { registry: "pypi", package: "llm", version: "0.36" },
    ask: (prompt, model) => `llm -m ${model} --functions llm_tools.py ${word(prompt)}`,
    askWhole: (prompt, model) => `llm -m ${model} --no-stream ${word(prompt)}`,
    files: ["llm_tools.py"],
    edit: ({ after }) => ({ calls: [{ name: "write_note", arguments: { text: after } }] }),
  },
  {
    client: "LiteLLM",
    source: { registry: "pypi", package: "litellm", version: "1.110.2" },
    ask: (prompt, model) => `python litellm_ask.py ${model} ${word(prompt)}`,
    askWhole: (prompt, model) => `python litellm_ask.py ${model} ${word(prompt)} whole`,
    list: `python -c 'import litellm, os
print(litellm.get_valid_models(check_provider_endpoint=True, custom_llm_provider="openai",
    api_key=os.environ["COLINK_API_KEY"], api_base=os.environ["COLINK_ADDRESS"] + "/v1"))'`,
    files: ["litellm_ask.py"],
    edit: ({ after }) => ({ calls: [{ name: "write_note", arguments: { text: after } }] }),
    env: { LITELLM_LOCAL_MODEL_COST_MAP: "True" },
  },
  {
    client: "Open WebUI",
    source: {
      registry: "pypi",
      package: "open-webui",
      version: "0.12.4",
      // Gigabytes, for embeddings and speech on its own machine.
      overrides: [
        "torch==0; sys_platform == 'never'",
        "sentence-transformers==0; sys_platform == 'never'",
      ],
    },
    ask: (prompt, model) => `python open_webui_ask.py ask ${model} ${word(prompt)}`,
    askWhole: (prompt, model) => `python open_webui_ask.py whole ${model} ${word(prompt)}`,
    list: "python open_webui_ask.py list",
    service: {
      options: (port) => `--host 127.0.0.1 --port ${port}`,
      readyPath: "/health",
    },
    files: ["open_webui_ask.py"],
    env: {
      WEBUI_AUTH: "False",
      WEBUI_SECRET_KEY: "secret",
      OFFLINE_MODE: "true",
      HF_HUB_OFFLINE: "1",
      RAG_EMBEDDING_ENGINE: "openai",
      ENABLE_OLLAMA_API: "False",
    },
  },
]);

function aider(prompt: string, model: string): string {
  const quiet = "--no-git --yes-always --no-check-update --no-show-model-warnings --no-analytics";
  return `aider --model openai/${model} --edit-format diff ${quiet} --message ${
    word(prompt)
  } note.txt`;
}
