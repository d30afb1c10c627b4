/** Opens the certificates that the configuration asks for. */

import type { Clock } from "../base/clock.ts";
import { type Config, speaksTls } from "../base/config.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "../store/store.ts";
import { AcmeCertificates } from "./acme.ts";
import { CertificateFiles } from "./certificate_files.ts";
import type { Certificates } from "./certificates.ts";

/** Null: the gateway speaks plain HTTP. */
export function openCertificates(
  config: Config,
  parts: { store: Pick<Store, "sharedItems">; clock: Clock; log: Log },
): Certificates | null {
  if (!speaksTls(config)) return null;
  const { domains, acmeDirectory, acmeEmail, jwtSecret, tlsCert, tlsKey } = config;
  return domains.length > 0
    ? new AcmeCertificates({
      domains,
      directoryUrl: acmeDirectory,
      email: acmeEmail,
      secret: jwtSecret,
      ...parts,
    })
    : new CertificateFiles({ certFile: tlsCert, keyFile: tlsKey, ...parts });
}
