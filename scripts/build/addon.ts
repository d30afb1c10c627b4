/** The native part of bcrypt for each kind of machine, and the plugin that binds a program to it. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../../release/mod.ts";
import { root } from "../root.ts";

/** By target: the package that npm has for it. */
const packages: Readonly<Record<Target, string>> = {
  "linux-x64": "@node-rs/bcrypt-linux-x64-gnu",
  "linux-arm64": "@node-rs/bcrypt-linux-arm64-gnu",
  "linux-x64-musl": "@node-rs/bcrypt-linux-x64-musl",
  "linux-arm64-musl": "@node-rs/bcrypt-linux-arm64-musl",
  "darwin-x64": "@node-rs/bcrypt-darwin-x64",
  "darwin-arm64": "@node-rs/bcrypt-darwin-arm64",
  "windows-x64": "@node-rs/bcrypt-win32-x64-msvc",
  "windows-arm64": "@node-rs/bcrypt-win32-arm64-msvc",
};

/**
 * Throws where the addon for the target is not installed: the program would hash without it, and
 * slower. `modules`: where packages are.
 */
export function expectAddon(target: Target, modules: string = join(root, "node_modules")): void {
  const name = packages[target];
  if (existsSync(join(modules, name, "package.json"))) return;
  throw new Error(
    `Cannot build for ${target}: ${name}, the native part of the password hash, is not installed. ` +
      "Install it with: bun install --frozen-lockfile --os='*' --cpu='*' --libc='*'",
  );
}

/**
 * Puts the addon of the target in the place of the package's own loader, which would try one after
 * the other at the start, and so would make every installed one part of the program.
 */
export function bindAddon(target: Target): Bun.BunPlugin {
  return {
    name: "addon of the target",
    setup(build) {
      build.onLoad({ filter: /@node-rs[\\/]bcrypt[\\/]binding\.js$/ }, () => ({
        contents: `module.exports = require(${JSON.stringify(packages[target])});`,
        loader: "js",
      }));
    },
  };
}
