/** The packages that a program is made of, and the notices that their licences ask to pass on. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { at, root } from "../root.ts";

export interface Package {
  name: string;
  version: string;
  /** An SPDX expression. */
  license: string;
  folder: string;
}

/** The packages that source files belong to, sorted by name; each once. */
export function shippedPackages(inputs: readonly string[]): Package[] {
  const folders = new Set(inputs.flatMap((input) => packageFolder(resolve(root, input)) ?? []));
  const packages = [...folders].map(describe);
  const byName = new Map(packages.map((one) => [`${one.name}@${one.version}`, one]));
  return [...byName.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, one]) => one);
}

function packageFolder(path: string): string | undefined {
  return /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(path)?.[1];
}

function describe(folder: string): Package {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return { name, version, license: typeof license === "string" ? license : "", folder };
}

/** Our own licence, the runtime's pointer and every package's notices as one text. Throws where a package has none. */
export async function licencesOf(packages: readonly Package[]): Promise<string> {
  const own = await readFile(at("LICENSE"), "utf8");
  const sections = [
    section("Co-Link", own),
    section(`Bun ${Bun.version}, the runtime inside this program`, bunPointer()),
    ...packages.map((one) => section(`${one.name} ${one.version} (${one.license})`, notices(one))),
  ];
  return sections.join("\n");
}

function section(title: string, text: string): string {
  return `${"=".repeat(80)}\n${title}\n${"=".repeat(80)}\n\n${text.trim()}\n`;
}

/** Its own licence says where the texts are, and where the sources are to relink it, as the LGPL asks. */
function bunPointer(): string {
  return `Bun itself is MIT-licensed. It statically links JavaScriptCore and parts of WebKit, which are
licensed under the LGPL-2, and further libraries under licences of their own. The list of them
with their licences, and how to relink Bun with a changed WebKit:

  https://github.com/oven-sh/bun/blob/bun-v${Bun.version}/LICENSE.md
  https://github.com/oven-sh/webkit

This program's own code can be built into another build of Bun with: bun run build`;
}

function notices(one: Package): string {
  const found = noticeFiles(one.folder).map((file) => readFileSync(file, "utf8").trim());
  if (found.length > 0) return found.join("\n\n");
  // An addon's package has its notices in the package that it is a part of.
  const whole = one.folder.replace(/-(linux|darwin|win32)-[\w-]+$/, "");
  if (whole !== one.folder && existsSync(whole)) {
    return `See ${one.name.slice(0, whole.length - one.folder.length)}, of which it is a part.`;
  }
  const standard = standardTexts[one.license];
  if (standard !== undefined) return standard(one.name);
  throw new Error(
    `Cannot collect the licences: ${one.name} ${one.version} (${
      one.license || "no licence"
    }) has ` +
      "no licence file, and there is no standard text for it in scripts/build/licences.ts",
  );
}

function noticeFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice|ofl)(\W|$)/i.test(file))
    .sort()
    .map((file) => join(folder, file));
}

/** For packages that name their licence and leave out its text. */
const standardTexts: Readonly<Record<string, (name: string) => string>> = {
  MIT: (name) =>
    `MIT License

Copyright (c) the authors of ${name}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`,
  Unlicense: () =>
    `This is free and unencumbered software released into the public domain.

Anyone is free to copy, modify, publish, use, compile, sell, or distribute this software, either in
source code form or as a compiled binary, for any purpose, commercial or non-commercial, and by any
means.

In jurisdictions that recognize copyright laws, the author or authors of this software dedicate any
and all copyright interest in the software to the public domain. We make this dedication for the
benefit of the public at large and to the detriment of our heirs and successors. We intend this
dedication to be an overt act of relinquishment in perpetuity of all present and future rights to
this software under copyright law.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY,
WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

For more information, please refer to <https://unlicense.org/>`,
};
