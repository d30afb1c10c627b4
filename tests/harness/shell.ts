/** Lines that people are told to copy, run as their shell would run them. */

import { run } from "../../scripts/program.ts";

/** The answer to a curl line: by curl, or where the machine lacks it, by fetch of what a shell reads in the line. */
export async function runCurl(line: string): Promise<string> {
  if (Bun.which("curl") !== null) {
    const silent = line.replace(/^curl /, "curl --silent --show-error ");
    return (await run(["sh", "-c", silent])).output;
  }
  const { output } = await run(["sh", "-c", `printf '%s\\n' ${line}`]);
  const [, url = "", ...flags] = output.split("\n");
  const headers = flags.filter((_, i) => flags[i - 1] === "-H").map((header) => header.split(": "));
  const body = flags[flags.indexOf("-d") + 1] ?? null;
  const answer = await fetch(url, { method: "POST", headers: Object.fromEntries(headers), body });
  return await answer.text();
}
