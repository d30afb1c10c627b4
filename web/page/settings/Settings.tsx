/** The user's own settings: language, theme, password, address, sessions, and the account's end. */

import type { UserView } from "../../../api/mod.ts";
import { Choice } from "../../part/Choice.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { Page } from "../../part/Page.tsx";
import { languageNames, locale, locales } from "../../state/locale.ts";
import { SelectField } from "../../part/SelectField.tsx";
import { browserZone, chosenZone, zones } from "../../state/zone.ts";
import { theme, themes } from "../../state/theme.ts";
import { AccountDeletion, EmailChange } from "./OwnerDialogs.tsx";
import { PasswordForm } from "./PasswordForm.tsx";
import { ProviderLink } from "./ProviderLink.tsx";
import { Sessions } from "./Sessions.tsx";
import * as panelStyle from "../../part/panel.module.css";
import * as style from "./Settings.module.css";
import * as formStyle from "../../part/form.module.css";
import { texts } from "./texts.ts";

export function Settings() {
  return <Guarded>{(user) => <Own user={user} />}</Guarded>;
}

function Own({ user }: { user: UserView }) {
  const t = texts.value;
  return (
    <Page title={t.title} lead={user.email}>
      <section class={`${panelStyle.panel} ${style.setting}`} aria-labelledby="look">
        <h2 id="look">{t.look}</h2>
        <div class={style.body}>
          <div class={formStyle.field}>
            <span class={formStyle.label}>{t.language}</span>
            <Choice
              label={t.language}
              options={locales}
              value={locale}
              name={(one) => languageNames[one]}
            />
          </div>
          <div class={formStyle.field}>
            <span class={formStyle.label}>{t.theme}</span>
            <Choice label={t.theme} options={themes} value={theme} name={(one) => t.themes[one]} />
          </div>
          <SelectField
            label={t.zone}
            options={["", ...zones()]}
            chosen={chosenZone.value}
            nameOf={(one) => one === "" ? t.browserZone(browserZone()) : one}
            onChoose={(one) => chosenZone.value = one}
            hint={t.zoneHint}
          />
        </div>
      </section>
      {user.has_password && (
        <>
          <section class={`${panelStyle.panel} ${style.setting}`} aria-labelledby="password">
            <div>
              <h2 id="password">{t.password}</h2>
              <p class="hint">{t.passwordText}</p>
            </div>
            <PasswordForm email={user.email} />
          </section>
          <ProviderLink />
        </>
      )}
      <section class={`${panelStyle.panel} ${style.setting}`} aria-labelledby="email">
        <div>
          <h2 id="email">{t.email}</h2>
          <p class="hint">{t.emailText(user.email)}</p>
        </div>
        <EmailChange email={user.email} />
      </section>
      <section class={`${panelStyle.panel} ${style.setting}`} aria-labelledby="sessions">
        <div>
          <h2 id="sessions">{t.sessions}</h2>
          <p class="hint">{t.sessionsText}</p>
        </div>
        <Sessions />
      </section>
      <section class={`${panelStyle.panel} ${style.setting}`} aria-labelledby="deletion">
        <div>
          <h2 id="deletion">{t.deletion}</h2>
          <p class="hint">{t.deletionText}</p>
        </div>
        <AccountDeletion email={user.email} />
      </section>
    </Page>
  );
}
