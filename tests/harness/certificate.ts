/** Certificate authorities and certificates for tests, as PEM files in a folder of their own. */

import { mkdirSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { temporaryFolder } from "./cleanup.ts";

interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

export interface Authority extends CertificateFiles {
  /** Writes a certificate of this authority, for a server or a client, with these names or addresses. */
  issue(...names: string[]): Promise<CertificateFiles>;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 24 * 60 * 60_000;

export async function createAuthority(name = "test authority"): Promise<Authority> {
  const keys = await newKeys();
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    ...dates(),
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const files = await write(own, keys.privateKey);
  const issue = async (...names: string[]) => {
    const { privateKey, publicKey } = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      ...dates(),
      subject: `CN=${names[0]}`,
      issuer: own.subject,
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({
            type: isIP(value) === 0 ? "dns" as const : "ip" as const,
            value,
          })),
        ),
      ],
    });
    return await write(certificate, privateKey);
  };
  return { ...files, issue };
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

function dates() {
  const serial = crypto.getRandomValues(new Uint8Array(8));
  return {
    serialNumber: Buffer.from(serial).toString("hex"),
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
  };
}

async function write(
  certificate: x509.X509Certificate,
  privateKey: CryptoKey,
): Promise<CertificateFiles> {
  const folder = join(temporaryFolder(), "certificate");
  mkdirSync(folder);
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", privateKey));
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(certFile, certificate.toString("pem") + "\n");
  writeFileSync(keyFile, x509.PemConverter.encode(key, "PRIVATE KEY") + "\n", { mode: 0o600 });
  return { certFile, keyFile };
}
