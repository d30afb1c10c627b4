/** A gateway's address in every form that people copy. */

import { expect, test } from "bun:test";
import { Gateway } from "./gateway.ts";

const forms: [given: string, address: string, serverUrl: string][] = [
  ["https://g.example", "https://g.example", "wss://g.example/ws"],
  ["https://g.example/", "https://g.example", "wss://g.example/ws"],
  ["wss://g.example/ws", "https://g.example", "wss://g.example/ws"],
  ["ws://10.0.0.1:8080/ws/", "http://10.0.0.1:8080", "ws://10.0.0.1:8080/ws"],
  ["g.example", "https://g.example", "wss://g.example/ws"],
  ["localhost:8080", "http://localhost:8080", "ws://localhost:8080/ws"],
  ["[::1]:8080", "http://[::1]:8080", "ws://[::1]:8080/ws"],
  ["https://g.example/colink/", "https://g.example/colink", "wss://g.example/colink/ws"],
];
for (const [given, address, serverUrl] of forms) {
  test(`${given} is ${address}`, () => {
    const gateway = new Gateway(given);
    expect([gateway.address, gateway.serverUrl]).toEqual([address, serverUrl]);
  });
}

test("an address without a scheme that does not answer is answered with the way to say http", async () => {
  const refuse = () => Promise.reject(new Error("Unable to connect"));
  await expect(new Gateway("g.example:8080", refuse).info()).rejects
    .toMatchObject({
      lines: [expect.any(String), expect.stringContaining("http://g.example:8080")],
    });
});

test("https:// for a gateway without TLS is answered with the way to say http", async () => {
  await using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  await expect(new Gateway(`https://127.0.0.1:${server.port}`).info()).rejects
    .toMatchObject({ message: expect.stringMatching(/does not speak TLS there; try http:\/\/$/) });
});

test("what a gateway says cannot move the cursor of a terminal", async () => {
  const answer = () =>
    Promise.resolve(
      Response.json({ error: { code: "x", message: "a\u001b[2Jb" } }, { status: 403 }),
    );
  await expect(new Gateway("https://g", answer).ask("GET", "/x")).rejects
    .toMatchObject({ message: "a [2Jb" });
});

test("a refusal with a known code is said in the terminal's language, another in the gateway's words", async () => {
  const answering = (code: string) => () =>
    Promise.resolve(
      Response.json({ error: { code, message: "the gateway's words" } }, {
        status: 429,
        headers: { "retry-after": "90" },
      }),
    );
  const ask = (code: string) => new Gateway("https://g", answering(code)).ask("GET", "/x");
  await expect(ask("login_throttled")).rejects.toMatchObject({
    message: expect.stringContaining("90"),
  });
  for (const code of ["constructor", "something_new"]) {
    await expect(ask(code)).rejects.toMatchObject({ code, message: "the gateway's words" });
  }
});
