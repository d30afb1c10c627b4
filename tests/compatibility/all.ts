/** All rows of docs/compatibility.md, in order. */

import { anthropicMessages } from "./anthropic_messages.ts";
import { chatForClaude } from "./chat_for_claude.ts";
import { claudeLimits } from "./claude_limits.ts";
import type { Feature } from "./feature.ts";
import { langchain } from "./langchain.ts";
import { messagesForOpenAi } from "./messages_for_openai.ts";
import { models } from "./models.ts";
import { openAiChat } from "./openai_chat.ts";
import { openAiJudgements } from "./openai_judgements.ts";
import { openAiPython } from "./openai_python.ts";
import { openAiResponses } from "./openai_responses.ts";
import { openAiTexts } from "./openai_texts.ts";
import { serverQuirks } from "./server_quirks.ts";
import { vercelAi } from "./vercel_ai.ts";

export const allFeatures: readonly Feature[] = [
  ...openAiChat,
  ...chatForClaude,
  ...claudeLimits,
  ...serverQuirks,
  ...openAiTexts,
  ...openAiResponses,
  ...anthropicMessages,
  ...messagesForOpenAi,
  ...vercelAi,
  ...langchain,
  ...openAiPython,
  ...models,
  ...openAiJudgements,
];
