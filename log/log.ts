/** The log as every part of both programs sees it. A line never holds a prompt, an answer or a token. */

/** The facts of a line, by name; `err` holds an error. Members that are undefined are left out. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

export function silent(): void {}

/** For tests and libraries. */
export const silentLog: Log = { debug: silent, info: silent, warn: silent, error: silent };
