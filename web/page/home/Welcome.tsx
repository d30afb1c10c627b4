/** Home for a visitor: what Co-Link is, the network's state, how to join. */

import { api } from "../../api.ts";
import { paths } from "../../route.ts";
import { SetupNotice } from "../account/SetupNotice.tsx";
import { gatewayAddress } from "../../snippet.ts";
import { messages } from "../../state/locale.ts";
import { useLive } from "../../state/live.ts";
import { NetworkPicture } from "./NetworkPicture.tsx";
import { NetworkStatus } from "./NetworkStatus.tsx";
import { useTitle } from "../../part/Page.tsx";

const REFRESH_MS = 5000;
/** Index of the step that shows the address. */
const CALL_STEP = 1;

export function Welcome() {
  const t = messages.value.home;
  const live = useLive(api.info, REFRESH_MS).value;
  useTitle(t.title);
  return (
    <div class="page wide">
      <SetupNotice info={live.data} />
      <section class="hero">
        <div>
          <h1>{t.headline}</h1>
          <p class="lead">{t.lead}</p>
          <div class="actions">
            <a class="button primary large" href={paths.register}>{messages.value.nav.register}</a>
            <a class="button large" href={paths.nodes}>{t.seeNodes}</a>
          </div>
          <NetworkStatus live={live} />
        </div>
        <NetworkPicture nodes={live.data?.nodes ?? 0} />
      </section>
      <section aria-labelledby="join">
        <h2 id="join">{t.joinTitle}</h2>
        <ol class="steps">
          {t.steps.map(({ title, text }, i) => (
            <li key={i}>
              <h3>{title}</h3>
              <p>{text}</p>
              {i === CALL_STEP && <code class="address">{gatewayAddress(live.data)}/v1</code>}
            </li>
          ))}
        </ol>
      </section>
    </div>
  );
}
