/** Creates an account, where the gateway's registration mode allows it. */

import { useLocation, useRoute } from "preact-iso/router";
import { useEffect } from "preact/hooks";
import { api, type ApiError } from "../../api.ts";
import { type Credentials, registrationProblems } from "./credentials.ts";
import { AccountForm } from "./AccountForm.tsx";
import { ErrorNotice, Notice } from "../../part/Notice.tsx";
import { Page } from "../../part/Page.tsx";
import { Skeleton } from "../../part/Skeleton.tsx";
import { nextPath, paths } from "../../route.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { session, signUp } from "../../state/session.ts";
import { ProviderButton } from "./ProviderButton.tsx";
import { SetupNotice } from "./SetupNotice.tsx";
import * as pageStyle from "../../part/Page.module.css";

/** The registration mode may change while the page is open. */
const REFRESH_MS = 30_000;

export function Register() {
  const t = messages.value.account;
  const { query } = useRoute();
  const { route } = useLocation();
  const { data: info, error } = useLive(api.info, REFRESH_MS).value;
  const isSignedIn = session.value.state === "in";

  useEffect(() => {
    if (isSignedIn) route(nextPath(query.next), true);
  }, [isSignedIn]);

  if (!info) return error ? <Unreachable error={error} /> : <Skeleton />;
  const isClosed = info.registration === "closed";
  const needsInvite = info.registration === "invite";
  const submit = ({ invite, ...form }: Credentials) =>
    signUp(needsInvite ? { ...form, invite: invite.trim() } : form);

  return (
    <Page title={t.registerTitle} lead={!isClosed && t.registerLead} width="narrow">
      <SetupNotice info={info} />
      {!isClosed && (
        <ProviderButton
          info={info}
          next={nextPath(query.next)}
          invite={query.invite}
        />
      )}
      {!info.passwords ? null : isClosed
        ? (
          <Notice tone="info">
            <strong>{t.closedTitle}</strong> {t.closedText}
          </Notice>
        )
        : (
          <AccountForm
            action={t.registerAction}
            isNew
            invite={needsInvite ? query.invite ?? "" : null}
            problemsOf={(form) => registrationProblems(form, needsInvite, t.problems)}
            onSubmit={submit}
          />
        )}
      <p class={pageStyle.aside}>
        {t.haveAccount} <a href={paths.login}>{t.loginAction}</a>
      </p>
    </Page>
  );
}

function Unreachable({ error }: { error: ApiError }) {
  return (
    <Page title={messages.value.account.registerTitle} width="narrow">
      <ErrorNotice error={error} />
    </Page>
  );
}
