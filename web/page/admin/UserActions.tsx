/** What an administrator does with an account beside its limits: a password link, signing it out. */

import { useSignal } from "@preact/signals";
import type { AdminUserView, PasswordResetLink } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Confirm } from "../../part/Confirm.tsx";
import { CopyButton } from "../../part/CopyButton.tsx";
import { ErrorNotice, Notice } from "../../part/Notice.tsx";
import { useGatewayAddress } from "../../state/address.ts";
import { formatMoment } from "../../state/locale.ts";
import { useSubmit } from "../../state/submit.ts";
import { buttonClass } from "../../part/button.ts";
import { texts } from "./texts.ts";
import * as buttonStyle from "../../part/button.module.css";
import * as inviteStyle from "./Invites.module.css";

interface Props {
  user: AdminUserView;
  /** Whether it is the administrator's own account, which the settings delete. */
  isSelf: boolean;
  onDeleted: () => void;
}

export function UserActions({ user, isSelf, onDeleted }: Props) {
  const t = texts.value;
  const isDeleting = useSignal(false);
  const link = useSignal<PasswordResetLink | null>(null);
  const ended = useSignal<number | null>(null);
  const { isBusy, error, run } = useSubmit();
  const makeLink = () =>
    run(async () => {
      link.value = await api.resetLink(user.id);
    });
  const signOut = () =>
    run(async () => {
      ended.value = (await api.signOutUser(user.id)).ended;
    });
  return (
    <section aria-label={t.accountActions}>
      {error.value && <ErrorNotice error={error.value} />}
      <div class={buttonStyle.actions}>
        <button
          type="button"
          class={buttonClass()}
          aria-disabled={isBusy.value}
          onClick={() => void makeLink()}
        >
          {t.resetLink}
        </button>
        <button
          type="button"
          class={buttonClass()}
          aria-disabled={isBusy.value}
          onClick={() => void signOut()}
        >
          {t.signOutUser}
        </button>
        {!isSelf && (
          <button
            type="button"
            class={buttonClass("danger")}
            onClick={() => isDeleting.value = true}
          >
            {t.deleteUser}
          </button>
        )}
      </div>
      {ended.value !== null && <Notice tone="good">{t.signedOutUser(ended.value)}</Notice>}
      {link.value && <Link link={link.value} />}
      <Confirm
        isOpen={isDeleting}
        title={t.deleteUserTitle(user.email)}
        text={t.deleteUserText}
        action={t.deleteUser}
        onConfirm={async () => {
          await api.deleteUser(user.id);
          onDeleted();
        }}
      />
    </section>
  );
}

function Link({ link }: { link: PasswordResetLink }) {
  const t = texts.value;
  const address = useGatewayAddress();
  const url = `${address}/reset#${link.code}`;
  return (
    <Notice tone="good">
      <p>{t.resetLinkReady(formatMoment(link.expires_at))}</p>
      <p class={inviteStyle.link} data-part="reset-link">
        <code>{url}</code> <CopyButton text={url} label={t.resetLinkName} />
      </p>
    </Notice>
  );
}
