/** Signs in, and returns to the page that required it. */

import { useLocation, useRoute } from "preact-iso/router";
import { useEffect } from "preact/hooks";
import { api, ApiError } from "../../api.ts";
import { loginProblems } from "./credentials.ts";
import { AccountForm } from "./AccountForm.tsx";
import { ErrorNotice, Notice } from "../../part/Notice.tsx";
import { Page } from "../../part/Page.tsx";
import { nextPath, paths } from "../../route.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { has } from "../../state/words.ts";
import { session, signIn } from "../../state/session.ts";
import { ProviderButton } from "./ProviderButton.tsx";
import { SetupNotice } from "./SetupNotice.tsx";
import * as pageStyle from "../../part/Page.module.css";

/** The public facts of a gateway rarely change. */
const REFRESH_MS = 30_000;

export function Login() {
  const t = messages.value.account;
  const { query } = useRoute();
  const { route } = useLocation();
  const info = useLive(api.info, REFRESH_MS).value.data;
  const current = session.value;

  useEffect(() => {
    const isDone = current.state === "in" && query.error === undefined;
    if (isDone) route(nextPath(query.next), true);
  }, [current.state]);

  return (
    <Page title={t.loginTitle} width="narrow">
      <SetupNotice info={info} />
      {current.state === "out" && current.why === "ended" && (
        <Notice tone="info">{t.sessionEnded}</Notice>
      )}
      {query.error !== undefined && <ErrorNotice error={signInError(query.error)} />}
      <ProviderButton info={info} next={nextPath(query.next)} />
      {info?.passwords !== false && (
        <>
          <AccountForm
            action={t.loginAction}
            isNew={false}
            invite={null}
            problemsOf={(form) => loginProblems(form, t.problems)}
            onSubmit={({ email, password }) => signIn(email, password)}
          />
          <p class={pageStyle.aside}>
            {t.noAccount} <a href={paths.register}>{t.registerAction}</a>
          </p>
        </>
      )}
    </Page>
  );
}

/** Why the sign-in provider's way back has failed: the gateway says only the code. */
function signInError(code: string): ApiError {
  const known = has(messages.value.errors, code) ? code : "sign_in_refused";
  return new ApiError(0, known, "Cannot sign in");
}
