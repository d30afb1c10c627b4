/** Callers with Python's OpenAI SDK, in one process: each comes back after a loss until it has all of its answer. */

import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { endAfterTests } from "./cleanup.ts";
import type { Return } from "./returning_caller.ts";

/** Reads a question per line, and writes the answer, or what is wrong, per line. */
const PROGRAM = `
import json, sys, threading, time
import openai

def read(question):
    for address in question["addresses"]:
        client = openai.OpenAI(base_url=address + "/v1", api_key=question["token"], max_retries=3)
        try:
            stream = client.chat.completions.create(
                model=question["model"], stream=True,
                messages=[{"role": "user", "content": question["content"]}],
                extra_headers={"idempotency-key": question["key"]})
            text, is_done = "", False
            for chunk in stream:
                for choice in chunk.choices:
                    text += choice.delta.content or ""
                    is_done = is_done or choice.finish_reason is not None
            if is_done:
                return {"text": text}
        except openai.APIStatusError as error:
            # The call's gateway is leaving or lost.
            if not any(code in str(error) for code in ("gateway_lost", "shutting_down")):
                return {"error": str(error)}
            time.sleep(0.2)
        except openai.APIConnectionError:
            pass
        except openai.APIError as error:
            if "does not answer; try again" not in str(error):
                return {"error": str(error)}
            time.sleep(0.2)
        except Exception as error:
            # A connection that is cut in mid-answer.
            if not type(error).__module__.startswith(("httpx", "httpcore")):
                return {"error": repr(error)}
    return {"error": "the answer never ends"}

lock = threading.Lock()

def answer(question):
    answered = {"key": question["key"], **read(question)}
    with lock:
        print(json.dumps(answered), flush=True)

for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),)).start()
`;

/** A call that goes on and on has found a fault. */
const MAX_TRIES = 200;

export function pythonReturn(python: string): Return {
  const waiting = new Map<string, PromiseWithResolvers<string>>();
  const program = Bun.spawn([python, "-c", PROGRAM], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  endAfterTests(() => program.kill());
  const lines = createInterface({ input: Readable.fromWeb(program.stdout as never) });
  lines.on("line", (line) => {
    const { key, text, error } = JSON.parse(line) as Record<string, string>;
    const answer = waiting.get(key!);
    waiting.delete(key!);
    if (text === undefined) answer?.reject(new Error(`Python: ${error}`));
    else answer?.resolve(text);
  });
  return (question, address) => {
    const answer = Promise.withResolvers<string>();
    waiting.set(question.key, answer);
    const addresses = Array.from({ length: MAX_TRIES }, address);
    program.stdin.write(`${JSON.stringify({ ...question, addresses })}\n`);
    void program.stdin.flush();
    return answer.promise;
  };
}
