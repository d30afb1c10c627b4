/** A program that shall keep running, and what its installation needs from outside. */

export interface ServiceSpec {
  /** `colink-client` */
  name: string;
  description: string;
  /** The program with its arguments; absolute paths. */
  command: readonly string[];
  /** For all users of the machine, started at boot; otherwise for this user. */
  isSystem: boolean;
  /** How long the program may take to stop. */
  stopSeconds: number;
  /** The user that a system-wide service runs as; it is made where it does not exist. */
  systemUser: string;
  /** Whether it may listen on ports below 1024. */
  needsLowPorts?: boolean;
  /** Files of which a system-wide service's user becomes the owner. */
  ownedFiles?: readonly string[];
  /** A file with settings, a line `NAME=value` each; absent: none. */
  environmentFile?: string;
  /** Set in the service's environment. */
  environment?: Readonly<Record<string, string>>;
  /** The exit code of a bad configuration, which a restart does not fix. */
  badConfigurationCode: number;
}

export interface ServiceWorld {
  platform: NodeJS.Platform;
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  uid: number;
  /** Runs a program to its end. Null: there is no such program. */
  run(command: readonly string[]): Promise<{ code: number; output: string } | null>;
  /** Runs a program with this terminal, until it ends. */
  show(command: readonly string[]): Promise<number>;
  say(line: string): void;
}

/** One service manager. Every method throws ServiceError. */
export interface Manager {
  install(spec: ServiceSpec): Promise<void>;
  uninstall(spec: ServiceSpec): Promise<void>;
  status(spec: ServiceSpec): Promise<number>;
  logs(spec: ServiceSpec): Promise<number>;
}
