/** The page for unknown paths. */

import { Page } from "../part/Page.tsx";
import { paths } from "../route.ts";
import { messages } from "../state/locale.ts";
import { buttonClass } from "../part/button.ts";
import * as buttonStyle from "../part/button.module.css";

export function NotFound() {
  const t = messages.value.notFound;
  return (
    <Page title={t.title} lead={t.text} width="narrow">
      <div class={buttonStyle.actions}>
        <a class={buttonClass("primary")} href={paths.home}>{t.action}</a>
      </div>
    </Page>
  );
}
