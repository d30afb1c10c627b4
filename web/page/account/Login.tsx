/** Signs in, and returns to the page that required it. */

import { useLocation, useRoute } from "preact-iso/router";
import { useEffect } from "preact/hooks";
import { api } from "../../api.ts";
import { loginProblems } from "./credentials.ts";
import { AccountForm } from "./AccountForm.tsx";
import { Notice } from "../../part/Notice.tsx";
import { Page } from "../../part/Page.tsx";
import { nextPath, paths } from "../../route.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { session, signIn } from "../../state/session.ts";
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
    if (current.state === "in") route(nextPath(query.next), true);
  }, [current.state]);

  return (
    <Page title={t.loginTitle} width="narrow">
      <SetupNotice info={info} />
      {current.state === "out" && current.why === "ended" && (
        <Notice tone="info">{t.sessionEnded}</Notice>
      )}
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
    </Page>
  );
}
