/**
 * bcrypt: the native addon, or where that cannot be loaded the runtime's own. Each verifies the
 * other's hashes. The addon is unpacked into the temporary folder, which may be read-only or noexec.
 */

/** Off the calling thread. */
export interface PasswordHash {
  hash(password: string, cost: number): Promise<string>;
  verify(password: string, hash: string): Promise<boolean>;
}

/** Both off the calling thread and on it. */
export interface Bcrypt extends PasswordHash {
  hashSync(password: string, cost: number): string;
  verifySync(password: string, hash: string): boolean;
}

/** Somewhat slower. Passwords must be at most 72 bytes: beyond them the two differ. */
export const runtimeBcrypt: Bcrypt = {
  hash: (password, cost) => Bun.password.hash(password, { algorithm: "bcrypt", cost }),
  verify: (password, hash) => Bun.password.verify(password, hash, "bcrypt"),
  hashSync: (password, cost) => Bun.password.hashSync(password, { algorithm: "bcrypt", cost }),
  verifySync: (password, hash) => Bun.password.verifySync(password, hash, "bcrypt"),
};

export const bcrypt: Bcrypt = await import("@node-rs/bcrypt").catch(() => runtimeBcrypt);
