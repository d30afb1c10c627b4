/** All that docs/compatibility.md tells, in its order. */

import { claudeLimits } from "./claude_limits.ts";
import type { Feature } from "./feature.ts";
import { langchain } from "./langchain.ts";
import { openAiChat } from "./openai_chat.ts";
import { vercelAi } from "./vercel_ai.ts";

export const allFeatures: readonly Feature[] = [
  ...openAiChat,
  ...claudeLimits,
  ...vercelAi,
  ...langchain,
];
