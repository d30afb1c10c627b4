/** A process that makes the calls of its orders and reports what it receives. Its parent may kill it. */

import { type CallsOrder, nothingSeen, type Seen } from "./seen.ts";
import type { PlannedCall } from "./plan.ts";

async function make({ url, token }: CallsOrder, call: PlannedCall): Promise<void> {
  await Bun.sleep(call.atMs);
  const seen = nothingSeen(call.model);
  const leaving = new AbortController();
  if (call.leavesAfterMs !== null) setTimeout(() => leaving.abort(), call.leavesAfterMs);
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      // A connection of its own: on a kept one the runtime might send the request a second time.
      keepalive: false,
      signal: leaving.signal,
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({
        model: call.model,
        stream: call.stream,
        messages: [{ role: "user", content: "three words please" }],
      }),
    });
    seen.status = response.status;
    seen.id = response.headers.get("x-request-id");
    tell(seen);
    await (call.stream && response.ok ? readStream(response, seen) : readWhole(response, seen));
  } catch {
    if (leaving.signal.aborted) seen.ending ??= "left";
    else seen.ending ??= seen.status === null ? "unanswered" : "cut";
  }
  seen.endedAt = Date.now();
  tell(seen);
}

async function readStream(response: Response, seen: Seen): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of response.body ?? []) {
    const events = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) take(event, seen);
    tell(seen);
  }
  seen.ending ??= "cut";
}

function take(event: string, seen: Seen): void {
  if (!event.startsWith("data: ")) return;
  const data = event.slice("data: ".length);
  if (data === "[DONE]") {
    seen.ending = "complete";
    return;
  }
  const { error } = JSON.parse(data) as { error?: { code: string } };
  if (error !== undefined) {
    seen.ending = "error";
    seen.code = error.code;
    return;
  }
  seen.pieces++;
  seen.bytes += Buffer.byteLength(`${event}\n\n`);
}

async function readWhole(response: Response, seen: Seen): Promise<void> {
  const text = await response.text();
  const { error } = JSON.parse(text) as { error?: { code: string } };
  seen.ending = error === undefined ? "complete" : "error";
  seen.code = error?.code ?? null;
  if (error !== undefined) return;
  seen.pieces = 1;
  seen.bytes = Buffer.byteLength(text);
}

function tell(seen: Seen): void {
  process.send?.(seen);
}

process.on("message", (order: CallsOrder) => {
  for (const call of order.calls) void make(order, call);
});
process.on("disconnect", () => process.exit(0));
