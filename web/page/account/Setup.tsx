/** Creates the first administrator, with the code that the gateway prints for its operator. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import type { RegistrationMode } from "../../../api/mod.ts";
import { api } from "../../api.ts";
import { Code } from "../../part/Code.tsx";
import { Failure, Notice } from "../../part/Notice.tsx";
import { Page } from "../../part/Page.tsx";
import { SelectField } from "../../part/SelectField.tsx";
import { Bones } from "../../part/Skeleton.tsx";
import { paths } from "../../route.ts";
import { useLive } from "../../state/live.ts";
import { messages } from "../../state/locale.ts";
import { setUp } from "../../state/session.ts";
import { AccountForm } from "./AccountForm.tsx";
import { registrationProblems } from "./credentials.ts";
import { texts } from "../admin/texts.ts";
import * as pageStyle from "../../part/Page.module.css";

/** The gateway may be set up in another tab or from the command line. */
const REFRESH_MS = 5000;

export function Setup() {
  const t = messages.value.setup;
  const { data: info, error } = useLive(api.info, REFRESH_MS).value;
  // Kept in the address until it is used, so that it survives a reload.
  const code = location.hash.slice(1);
  if (!info) {
    return (
      <Page title={t.title} width="narrow">
        {error ? <Failure error={error} /> : <Bones count={3} />}
      </Page>
    );
  }
  return (
    <Page title={t.title} lead={info.setup && t.lead} width="narrow">
      {!info.setup ? <Done /> : code === "" ? <WayIn /> : <FirstAdmin code={code} />}
    </Page>
  );
}

const modes: readonly RegistrationMode[] = ["invite", "open", "closed"];

function FirstAdmin({ code }: { code: string }) {
  const t = messages.value;
  const { route } = useLocation();
  const registration = useSignal<RegistrationMode>("invite");
  return (
    <>
      <AccountForm
        action={t.setup.action}
        isNew
        invite={null}
        problemsOf={(form) => registrationProblems(form, false, t.account.problems)}
        onSubmit={async ({ email, password }) => {
          await setUp({ code, email, password, registration: registration.value });
          route(paths.home, true);
        }}
      >
        <SelectField
          label={t.setup.registration}
          options={modes}
          chosen={registration.value}
          nameOf={(mode) => texts.value.modes[mode]}
          onChoose={(mode) => registration.value = mode}
          hint={t.setup.changeLater(texts.value.registrationText[registration.value])}
        />
      </AccountForm>
      <details class={pageStyle.aside}>
        <summary>{t.setup.newLink}</summary>
        <WayIn />
      </details>
    </>
  );
}

/** How the operator gets a setup link. */
function WayIn() {
  const t = messages.value.setup;
  return (
    <>
      <p>{t.wayIn}</p>
      <Code title={t.terminal} shown="colink-server admin setup" />
      <p class="hint">{t.container}</p>
      <Code title="Docker" shown="docker compose exec gateway server admin setup" />
    </>
  );
}

function Done() {
  const t = messages.value;
  const { route } = useLocation();
  useEffect(() => {
    // The code in the address is no longer valid.
    if (location.hash !== "") route(paths.setup, true);
  }, []);
  return (
    <>
      <Notice tone="good">{t.setup.done}</Notice>
      <p class={pageStyle.aside}>
        <a href={paths.login}>{t.account.loginAction}</a>
      </p>
    </>
  );
}
