/** The version that this build was stamped with. */

declare const BUILD_VERSION: string;

/** `0.1.0+abc1234` in a built executable, `dev` when run from source. */
export const version: string = typeof BUILD_VERSION === "string" ? BUILD_VERSION : "dev";
