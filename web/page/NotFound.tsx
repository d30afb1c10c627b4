/** The page for unknown paths. */

import { Page } from "../part/Page.tsx";
import { paths } from "../route.ts";
import { messages } from "../state/locale.ts";

export function NotFound() {
  const t = messages.value.notFound;
  return (
    <Page title={t.title} lead={t.text} width="narrow">
      <div class="actions">
        <a class="button primary" href={paths.home}>{t.action}</a>
      </div>
    </Page>
  );
}
