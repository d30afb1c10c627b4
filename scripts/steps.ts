/** Shows work step by step: `✓ console built (0.4 s)`. Colour and rewriting only at a terminal. */

export class Steps {
  readonly #isTerminal: boolean;

  constructor(readonly out: NodeJS.WriteStream = process.stdout) {
    this.#isTerminal = out.isTTY === true && !process.env.NO_COLOR;
  }

  /**
   * Does `work` under a name; what `describe` makes of its result (a text: the text itself) is
   * added to its line. Prints ✗ and throws on when it fails.
   */
  async run<T>(
    name: string,
    work: () => T | Promise<T>,
    describe: (result: T) => string = (result) => typeof result === "string" ? result : "",
  ): Promise<T> {
    const startedAt = performance.now();
    if (this.#isTerminal) this.out.write(`  ${name} …`);
    try {
      const result = await work();
      this.#end(green("✓"), name, startedAt, describe(result));
      return result;
    } catch (error) {
      this.#end(red("✗"), name, startedAt);
      throw error;
    }
  }

  /** A line that is no step. */
  say(text: string): void {
    this.out.write(text + "\n");
  }

  #end(mark: Mark, name: string, startedAt: number, detail = ""): void {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const sign = this.#isTerminal ? `\r\x1b[K${mark.coloured}` : mark.plain;
    this.out.write(`${sign} ${name}${detail ? `: ${detail}` : ""} (${seconds} s)\n`);
  }
}

interface Mark {
  plain: string;
  coloured: string;
}

function green(plain: string): Mark {
  return { plain, coloured: `\x1b[32m${plain}\x1b[0m` };
}

function red(plain: string): Mark {
  return { plain, coloured: `\x1b[31m${plain}\x1b[0m` };
}
