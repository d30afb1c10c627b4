/** Encrypts with what the provider is asked again: nothing reusable stands in the database. */

import { Seal } from "../../base/seal.ts";
import type { Grant } from "./sign_in_provider.ts";

export class GrantSeal {
  readonly #seal: Seal;

  constructor(secret: string) {
    this.#seal = new Seal(secret, "oidc grant v1");
  }

  seal(grant: Grant): string {
    return this.#seal.seal(JSON.stringify(grant));
  }

  /** Null: there is none, or it was sealed under another secret. */
  open({ sealedGrant }: { sealedGrant: string }): Grant | null {
    if (sealedGrant === "") return null;
    try {
      return JSON.parse(this.#seal.open(sealedGrant)) as Grant;
    } catch {
      return null;
    }
  }
}
