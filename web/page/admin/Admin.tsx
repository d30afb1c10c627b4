/** Administration: users, invites, nodes, settings and the audit log. */

import type { UserView } from "../../../api/mod.ts";
import { Choices } from "../../part/Choice.tsx";
import { Guarded } from "../../part/Guarded.tsx";
import { late } from "../../part/late.tsx";
import { Page } from "../../part/Page.tsx";
import { useChoices } from "../../state/url.ts";
import { texts } from "./texts.ts";
import * as style from "./Admin.module.css";

const tabs = {
  users: late(() => import("./Users.tsx").then(({ Users }) => Users)),
  groups: late(() => import("./Groups.tsx").then(({ Groups }) => Groups)),
  invites: late(() => import("./Invites.tsx").then(({ Invites }) => Invites)),
  nodes: late(() => import("./NodeApproval.tsx").then(({ NodeApproval }) => NodeApproval)),
  aliases: late(() => import("./Aliases.tsx").then(({ Aliases }) => Aliases)),
  models: late(() => import("./ModelSettings.tsx").then(({ ModelSettings }) => ModelSettings)),
  settings: late(() =>
    import("./GatewaySettings.tsx").then(({ GatewaySettings }) => GatewaySettings)
  ),
  audit: late(() => import("./Audit.tsx").then(({ Audit }) => Audit)),
};
type Tab = keyof typeof tabs;
const tabNames = Object.keys(tabs) as Tab[];

export function Admin() {
  return <Guarded>{(user) => <Office user={user} />}</Guarded>;
}

function Office({ user }: { user: UserView }) {
  const t = texts.value;
  const choices = useChoices();
  const tab = tabNames.find((one) => one === choices.get("tab")) ?? "users";
  const Chosen = tabs[tab];
  if (user.role !== "admin") return <Page title={t.title} lead={t.notAdmin} width="narrow" />;
  return (
    <Page title={t.title} lead={t.lead}>
      <Choices<Tab>
        label={t.title}
        options={tabNames}
        chosen={tab}
        name={(one) => t.tabs[one]}
        onChoose={(one) => choices.set({ tab: one, q: "", action: "", sort: "", group: "" }, true)}
      />
      <div class={style.tab}>
        <Chosen />
      </div>
    </Page>
  );
}
