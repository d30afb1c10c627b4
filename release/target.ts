/** The kinds of machine that a release has programs for, and the names of its files. */

/** Operating system, processor and, where it is not glibc, the C library. */
export const targets = [
  "linux-x64",
  "linux-arm64",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
  "windows-x64",
  "windows-arm64",
] as const;

export type Target = typeof targets[number];

export type ProgramName = "client" | "server";

export const programNames: readonly ProgramName[] = ["client", "server"];

/** The archive of one program for one kind of machine: `co-link-client-linux-x64.tar.gz`. */
export function archiveName(program: ProgramName, target: Target): string {
  return `co-link-${program}-${target}${isWindows(target) ? ".zip" : ".tar.gz"}`;
}

/**
 * Where the program stands inside its archive, beside its licences:
 * `co-link-client-linux-x64/colink-client`.
 */
export function programPath(program: ProgramName, target: Target): string {
  return `co-link-${program}-${target}/colink-${program}${isWindows(target) ? ".exe" : ""}`;
}

export function isWindows(target: Target): boolean {
  return target.startsWith("windows-");
}

/** SHA-256 of every other file of the release, a line each, as `sha256sum` writes them. */
export const SUMS_FILE = "SHA256SUMS";
/** The Ed25519 signature of SHA256SUMS: 64 bytes, as OpenSSL reads them. */
export const SIGNATURE_FILE = "SHA256SUMS.sig";
/** The same key's signature in the form that `ssh-keygen -Y verify` reads. */
export const SSH_SIGNATURE_FILE = "SHA256SUMS.sshsig";
/** What that signature is for: ssh-keygen asks for it. */
export const SSH_NAMESPACE = "co-link-release";
/** Which version the release is; listed in SHA256SUMS. See Latest. */
export const LATEST_FILE = "latest.json";
/** What the programs are made of, as CycloneDX. */
export const SBOM_FILE = "sbom.cdx.json";

/** Every file that a release may have. */
export const releaseFiles: ReadonlySet<string> = new Set([
  ...programNames.flatMap((program) => targets.map((target) => archiveName(program, target))),
  SUMS_FILE,
  SIGNATURE_FILE,
  SSH_SIGNATURE_FILE,
  LATEST_FILE,
  SBOM_FILE,
]);
