/** OpenSSH and OpenSSL believe what a release is signed with. */

import { afterAll, expect, test } from "bun:test";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SSH_NAMESPACE } from "../../release/mod.ts";
import { run } from "../program.ts";
import { sshSignature } from "./ssh_signature.ts";

const folder = mkdtempSync(join(tmpdir(), "ssh-signature-"));
afterAll(() => rmSync(folder, { recursive: true }));

const hasSsh = Bun.which("ssh-keygen") !== null;
const why = hasSsh ? "" : " (skipped: this machine has no ssh-keygen)";

test.skipIf(!hasSsh)(
  `ssh-keygen takes the signature of the message and of no other${why}`,
  async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const message = "what was signed\n";
    const signature = join(folder, "signature");
    const signers = join(folder, "signers");
    await Bun.write(signature, sshSignature(Buffer.from(message), privateKey));
    const raw = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32);
    const blob = Buffer.concat([Buffer.from("\0\0\0\x0bssh-ed25519\0\0\0\x20"), raw]);
    await Bun.write(signers, `release ssh-ed25519 ${blob.toString("base64")}\n`);
    const command = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "release", "-n"];
    const verify = (input: string) => run([...command, SSH_NAMESPACE, "-s", signature], { input });
    expect(await verify(message)).toMatchObject({ code: 0 });
    expect((await verify("what was not signed\n")).code).not.toBe(0);
  },
);
