/** A command that cannot do what it was asked: what failed and what to do next, in lines for a terminal. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly lines: readonly string[];

  constructor(...lines: string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}
