/** The build's version, set by `bun build --define`; `dev` when run from source. */

declare const BUILD_VERSION: string | undefined;

export const version: string = typeof BUILD_VERSION === "string" ? BUILD_VERSION : "dev";
