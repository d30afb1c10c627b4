/** The page for unknown paths. */

import { Page } from "../part/Page.tsx";
import { manualPath, paths } from "../route.ts";
import { locale, messages } from "../state/locale.ts";
import { buttonClass } from "../part/button.ts";
import * as buttonStyle from "../part/button.module.css";

export function NotFound() {
  const t = messages.value.notFound;
  return (
    <Page title={t.title} lead={t.text} width="narrow">
      <div class={buttonStyle.actions}>
        <a class={buttonClass("primary")} href={paths.home}>{t.action}</a>
        <a class={buttonClass("quiet")} href={manualPath(locale.value)} target="_blank">
          {messages.value.nav.manual}
        </a>
      </div>
    </Page>
  );
}
