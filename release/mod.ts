/** What a release is: its files, their names, checksums and signature. Imports nothing of ours. */

export { type BuildFacts, buildFacts } from "./build_facts.ts";
export { isNewer, type Latest, readLatest } from "./latest.ts";
export { licenses, licensesFile } from "./licenses.ts";
export { ReleaseError, SignedSums } from "./signed_sums.ts";
export {
  archiveName,
  isWindows,
  LATEST_FILE,
  type ProgramName,
  programNames,
  programPath,
  releaseFiles,
  SBOM_FILE,
  SIGNATURE_FILE,
  SSH_NAMESPACE,
  SSH_SIGNATURE_FILE,
  SUMS_FILE,
  type Target,
  targets,
} from "./target.ts";
