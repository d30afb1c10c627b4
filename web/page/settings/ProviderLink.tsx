/** Links the account with the sign-in provider, where the gateway has one. */

import { api } from "../../api.ts";
import { paths } from "../../route.ts";
import { useLive } from "../../state/live.ts";
import { ProviderButton } from "../account/ProviderButton.tsx";
import * as panelStyle from "../../part/panel.module.css";
import { texts } from "./texts.ts";
import * as style from "./Settings.module.css";

const REFRESH_MS = 30_000;

export function ProviderLink() {
  const t = texts.value;
  const info = useLive(api.info, REFRESH_MS).value.data;
  if (!info?.sign_in_provider) return null;
  return (
    <section class={`${panelStyle.panel} ${style.setting}`} aria-labelledby="provider">
      <div>
        <h2 id="provider">{t.providerTitle}</h2>
        <p class="hint">{t.providerText}</p>
      </div>
      <div>
        <ProviderButton info={info} next={paths.settings} isLink />
      </div>
    </section>
  );
}
