/** The console: its routes, and the shell around every page. */

import { useSignal } from "@preact/signals";
import { ErrorBoundary } from "preact-iso/lazy";
import { LocationProvider, Route, Router } from "preact-iso/router";
import { Home } from "./page/home/Home.tsx";
import { NotFound } from "./page/NotFound.tsx";
import { late } from "./part/late.tsx";
import { Notice } from "./part/Notice.tsx";
import { paths } from "./route.ts";
import { Shell } from "./shell/Shell.tsx";
import { messages } from "./state/locale.ts";

const Register = late(() => import("./page/account/Register.tsx").then(({ Register }) => Register));
const Login = late(() => import("./page/account/Login.tsx").then(({ Login }) => Login));
const Setup = late(() => import("./page/account/Setup.tsx").then(({ Setup }) => Setup));
const Reset = late(() => import("./page/account/Reset.tsx").then(({ Reset }) => Reset));
const Join = late(() => import("./page/join/Join.tsx").then(({ Join }) => Join));
const Dashboard = late(() =>
  import("./page/dashboard/Dashboard.tsx").then(({ Dashboard }) => Dashboard)
);
const Nodes = late(() => import("./page/nodes/Nodes.tsx").then(({ Nodes }) => Nodes));
const NodeDetail = late(() =>
  import("./page/node/NodeDetail.tsx").then(({ NodeDetail }) => NodeDetail)
);
const Models = late(() => import("./page/models/Models.tsx").then(({ Models }) => Models));
const Playground = late(() =>
  import("./page/playground/Playground.tsx").then(({ Playground }) => Playground)
);
const Keys = late(() => import("./page/keys/Keys.tsx").then(({ Keys }) => Keys));
const Budgets = late(() => import("./page/budgets/Budgets.tsx").then(({ Budgets }) => Budgets));
const Calls = late(() => import("./page/calls/Calls.tsx").then(({ Calls }) => Calls));
const Settings = late(() =>
  import("./page/settings/Settings.tsx").then(({ Settings }) => Settings)
);
const Admin = late(() => import("./page/admin/Admin.tsx").then(({ Admin }) => Admin));

export function App() {
  const isBroken = useSignal(false);
  return (
    <LocationProvider>
      <Shell />
      <main id="main" tabIndex={-1}>
        {isBroken.value && <Notice tone="bad">{messages.value.pageBroke}</Notice>}
        <ErrorBoundary onError={() => isBroken.value = true}>
          <Router onRouteChange={() => arrive(isBroken)}>
            <Route path={paths.home} component={Home} />
            <Route path={paths.register} component={Register} />
            <Route path={paths.login} component={Login} />
            <Route path={paths.setup} component={Setup} />
            <Route path={paths.reset} component={Reset} />
            <Route path={paths.join} component={Join} />
            <Route path={paths.dashboard} component={Dashboard} />
            <Route path={paths.nodes} component={Nodes} />
            <Route path={paths.node} component={NodeDetail} />
            <Route path={paths.models} component={Models} />
            <Route path={paths.playground} component={Playground} />
            <Route path={paths.keys} component={Keys} />
            <Route path={paths.budgets} component={Budgets} />
            <Route path={paths.calls} component={Calls} />
            <Route path={paths.settings} component={Settings} />
            <Route path={paths.admin} component={Admin} />
            <Route default component={NotFound} />
          </Router>
        </ErrorBoundary>
      </main>
    </LocationProvider>
  );
}

/** Moves the focus to the new page, so that a screen reader starts at its beginning. */
function arrive(isBroken: { value: boolean }): void {
  isBroken.value = false;
  document.getElementById("main")?.focus({ preventScroll: true });
}
