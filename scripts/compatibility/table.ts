/** A Markdown table in the formatter's style: columns as wide as their widest cell. */

export function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, i) => Math.max(3, ...lines.map((line) => line[i]!.length)));
  const [head, ...rest] = lines.map((line) =>
    `| ${line.map((text, i) => text.padEnd(widths[i]!)).join(" | ")} |`
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [head, rule, ...rest].join("\n");
}
