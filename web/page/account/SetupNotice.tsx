/** Says on a new gateway that it has no administrator yet, with a link to create one. */

import type { InfoView } from "../../../api/mod.ts";
import { Notice } from "../../part/Notice.tsx";
import { paths } from "../../route.ts";
import { messages } from "../../state/locale.ts";

export function SetupNotice({ info }: { info: InfoView | null }) {
  const t = messages.value.setup;
  if (!info?.setup) return null;
  return (
    <Notice tone="info">
      {t.notice} <a href={paths.setup}>{t.noticeAction}</a>
    </Notice>
  );
}
