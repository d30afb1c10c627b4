/** Leads to the sign-in provider, where the gateway has one. */

import type { InfoView } from "../../../api/mod.ts";
import { base } from "../../base.ts";
import { buttonClass } from "../../part/button.ts";
import { messages } from "../../state/locale.ts";

interface Props {
  info: InfoView | null | undefined;
  /** The page of the console to return to. */
  next: string;
  invite?: string | undefined;
  /** Whether the account that is signed in is linked with the provider's. */
  isLink?: boolean;
}

export function ProviderButton({ info, next, invite, isLink = false }: Props) {
  if (!info?.sign_in_provider) return null;
  const { sign_in_provider: label, passwords: hasPasswords } = info;
  const t = messages.value.account;
  const query = new URLSearchParams({
    next,
    ...(invite && { invite }),
    ...(isLink && { link: "1" }),
  });
  return (
    // The target keeps the console's router from taking the path for a page of its own.
    <a
      class={isLink
        ? buttonClass()
        : buttonClass(...hasPasswords ? [] : ["primary" as const], "large")}
      href={`${base}/api/auth/oidc/start?${query}`}
      target="_top"
    >
      {isLink ? t.providerLink(label) : t.providerAction(label)}
    </a>
  );
}
