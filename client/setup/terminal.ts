/** Questions to a person at the terminal. With a pipe at standard input (`curl … | sh`) the terminal itself is asked. */

import { existsSync, openSync } from "node:fs";
import { ReadStream } from "node:tty";
import { confirm, groupMultiselect, isCancel, text } from "@clack/prompts";
import { t } from "../texts.ts";

interface Group<T> {
  title: string;
  options: { label: string; hint: string; isTicked: boolean; value: T }[];
}

export class Terminal {
  private constructor(private readonly input: NodeJS.ReadStream, private readonly isOwn: boolean) {}

  /** Null: there is no one to ask, or none shall be asked. */
  static open(
    { yes, json }: { yes?: boolean | undefined; json?: boolean | undefined },
  ): Terminal | null {
    if (yes === true || json === true || !process.stdout.isTTY) return null;
    if (process.stdin.isTTY) return new Terminal(process.stdin, false);
    const input = controllingTerminal();
    return input === null ? null : new Terminal(input, true);
  }

  close(): void {
    if (this.isOwn) this.input.destroy();
    else this.input.pause();
  }

  /** What is ticked; null: the user has left. */
  async tick<T>(question: string, groups: readonly Group<T>[]): Promise<Set<T> | null> {
    const options = groups.flatMap((group) => group.options);
    if (options.length === 0) return new Set();
    // By number: the library compares values.
    const numberOf = new Map(options.map((option, i) => [option, i]));
    const chosen = await groupMultiselect<number>({
      message: t`${question} (space ticks, enter goes on)`,
      options: Object.fromEntries(groups.map((group) => [
        group.title,
        group.options.map((option) => ({
          value: numberOf.get(option)!,
          label: option.label,
          hint: option.hint,
        })),
      ])),
      initialValues: options.flatMap((option, i) => option.isTicked ? [i] : []),
      required: false,
      input: this.input,
    });
    return isCancel(chosen) ? null : new Set(chosen.map((i) => options[i]!.value));
  }

  /** The fallback where the user has left. */
  async number(question: string, fallback: number): Promise<number> {
    const answer = await text({
      message: question,
      initialValue: String(fallback),
      validate: (given) =>
        /^[1-9]\d{0,4}$/.test(given ?? "") ? undefined : t`A whole number, 1 or more`,
      input: this.input,
    });
    return isCancel(answer) ? fallback : Number(answer);
  }

  async confirm(question: string, initialValue: boolean): Promise<boolean> {
    const answer = await confirm({ message: question, initialValue, input: this.input });
    return answer === true;
  }
}

function controllingTerminal(): NodeJS.ReadStream | null {
  if (process.platform === "win32" || !existsSync("/dev/tty")) return null;
  try {
    return new ReadStream(openSync("/dev/tty", "r"));
  } catch {
    return null;
  }
}
