/** Home for a visitor: what Co-Link is, the network's state, how to join. */

import { api } from "../../api.ts";
import { paths } from "../../route.ts";
import { SetupNotice } from "../account/SetupNotice.tsx";
import { gatewayAddress } from "../../snippet.ts";
import { messages } from "../../state/locale.ts";
import { useLive } from "../../state/live.ts";
import { NetworkPicture } from "./NetworkPicture.tsx";
import { NetworkStatus } from "./NetworkStatus.tsx";
import { Foot, useTitle } from "../../part/Page.tsx";
import { buttonClass } from "../../part/button.ts";
import * as pageStyle from "../../part/Page.module.css";
import * as style from "./Welcome.module.css";
import * as buttonStyle from "../../part/button.module.css";

const REFRESH_MS = 5000;
/** Index of the step that shows the address. */
const CALL_STEP = 1;

export function Welcome() {
  const t = messages.value.home;
  const live = useLive(api.info, REFRESH_MS).value;
  useTitle(t.title);
  return (
    <div class={pageStyle.wide}>
      <SetupNotice info={live.data} />
      <section class={style.hero}>
        <div>
          <h1>{t.headline}</h1>
          <p class={`${pageStyle.lead} ${style.summary}`}>{t.lead}</p>
          <div class={`${buttonStyle.actions} ${style.buttons}`}>
            <a class={buttonClass("primary", "large")} href={paths.register}>
              {messages.value.nav.register}
            </a>
            <a class={buttonClass("large")} href={paths.nodes}>{t.seeNodes}</a>
          </div>
          <NetworkStatus live={live} />
        </div>
        <NetworkPicture nodes={live.data?.nodes ?? 0} />
      </section>
      <section aria-labelledby="join">
        <h2 id="join">{t.joinTitle}</h2>
        <ol class={style.steps}>
          {t.steps.map(({ title, text }, i) => (
            <li key={i}>
              <h3>{title}</h3>
              <p>{text}</p>
              {i === CALL_STEP && <code class={style.address}>{gatewayAddress(live.data)}/v1</code>}
            </li>
          ))}
        </ol>
      </section>
      <Foot />
    </div>
  );
}
