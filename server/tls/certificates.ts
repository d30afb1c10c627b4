/** What the gateway presents on TLS connections: where it comes from, and when it changes. */

import { createPrivateKey, X509Certificate } from "node:crypto";

export interface KeyPair {
  /** The chain, the gateway's own certificate first, and its private key: both PEM. */
  cert: string;
  key: string;
}

export interface Certificates {
  /**
   * Resolves with the first certificate, and calls `onChange` with each that replaces it. Throws
   * ConfigError where none can ever come.
   */
  start(onChange: (pair: KeyPair) => void): Promise<KeyPair>;
  /** What a certificate authority that tries this gateway's name must find; null: no such challenge. */
  challengeAnswer(token: string): Promise<string | null>;
  /** Why there is no certificate yet; null: there is one, or nothing has failed. */
  readonly trouble: string | null;
  /** Until when the certificate in use is valid, in UTC milliseconds; null: there is none yet. */
  readonly validUntilMs: number | null;
  close(): Promise<void>;
}

export interface Validity {
  /** UTC milliseconds. */
  fromMs: number;
  untilMs: number;
}

/** How long the certificate is valid. Throws where certificate and key are damaged, or do not belong together. */
export function validityOf({ cert, key }: KeyPair): Validity {
  const certificate = readAs("certificate", () => new X509Certificate(cert));
  const privateKey = readAs("private key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error("the private key is another certificate's");
  }
  return { fromMs: Date.parse(certificate.validFrom), untilMs: Date.parse(certificate.validTo) };
}

/** Without the library's words, which may repeat what it could not read. */
function readAs<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw new Error(`there is no ${what} in PEM`);
  }
}
