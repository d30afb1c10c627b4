/** How the campaign uses one client; what it must be given comes from api/clients.ts. */

import type { Source } from "./install.ts";
import type { Script } from "./scripted_servers.ts";

export interface Driver {
  /** Its name in api/clients.ts. */
  client: string;
  source: Source;
  /** The command line, in place of the last line of its snippets, that gives the model one prompt. */
  ask(prompt: string, model: string): string;
  /** The same without a stream; absent: it always streams. */
  askWhole?(prompt: string, model: string): string;
  /** The command line that prints the gateway's models; absent: it has none. */
  list?: string;
  /** How the model edits a file with the client's tools, or in its format; absent: it edits none. */
  edit?(file: EditedFile): Partial<Script>;
  /** Files of this folder that are copied into its working folder. */
  files?: readonly string[];
  /** Further variables, for runs without a terminal and without its maker's services. */
  env?: Readonly<Record<string, string>>;
  /** Of a server, which the other commands find at `SERVICE_ADDRESS`. */
  service?: Service;
}

interface Service {
  /** Added to the last line of its snippets. */
  options(port: number): string;
  /** A path that answers once it is ready. */
  readyPath: string;
}

/** A file that the model changes. */
interface EditedFile {
  path: string;
  before: string;
  after: string;
}
