/** The console: its routes, and the shell around every page. */

import { useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { ErrorBoundary } from "preact-iso/lazy";
import lazy from "preact-iso/lazy";
import { LocationProvider, Route, Router } from "preact-iso/router";
import { Home } from "./page/home/Home.tsx";
import { NotFound } from "./page/NotFound.tsx";
import { buttonClass } from "./part/button.ts";
import { Notice } from "./part/Notice.tsx";
import { paths } from "./route.ts";
import { Shell } from "./shell/Shell.tsx";
import { messages } from "./state/locale.ts";

const Register = page(() => import("./page/account/Register.tsx").then(({ Register }) => Register));
const Login = page(() => import("./page/account/Login.tsx").then(({ Login }) => Login));
const Setup = page(() => import("./page/account/Setup.tsx").then(({ Setup }) => Setup));
const Reset = page(() => import("./page/account/Reset.tsx").then(({ Reset }) => Reset));
const Join = page(() => import("./page/join/Join.tsx").then(({ Join }) => Join));
const Dashboard = page(() =>
  import("./page/dashboard/Dashboard.tsx").then(({ Dashboard }) => Dashboard)
);
const Nodes = page(() => import("./page/nodes/Nodes.tsx").then(({ Nodes }) => Nodes));
const NodeDetail = page(() =>
  import("./page/node/NodeDetail.tsx").then(({ NodeDetail }) => NodeDetail)
);
const Models = page(() => import("./page/models/Models.tsx").then(({ Models }) => Models));
const Playground = page(() =>
  import("./page/playground/Playground.tsx").then(({ Playground }) => Playground)
);
const Keys = page(() => import("./page/keys/Keys.tsx").then(({ Keys }) => Keys));
const Budgets = page(() => import("./page/budgets/Budgets.tsx").then(({ Budgets }) => Budgets));
const Calls = page(() => import("./page/calls/Calls.tsx").then(({ Calls }) => Calls));
const Settings = page(() =>
  import("./page/settings/Settings.tsx").then(({ Settings }) => Settings)
);
const Admin = page(() => import("./page/admin/Admin.tsx").then(({ Admin }) => Admin));

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

/** Waits before a page's code is asked for again: a gateway that restarts is back within these. */
const CODE_RETRIES_MS = [500, 2_000, 5_000];

/** A page whose code is loaded when it is first opened. */
function page(load: () => Promise<ComponentType>): ComponentType {
  return lazy(async () => {
    for (const waitMs of CODE_RETRIES_MS) {
      try {
        return await load();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
    return load().catch(() => OtherVersion);
  });
}

/** Stands for a page whose code the gateway does not have any more. */
function OtherVersion() {
  const { otherVersion, reload } = messages.value;
  return (
    <Notice tone="warning">
      {otherVersion}{" "}
      <button type="button" class={buttonClass("quiet")} onClick={() => location.reload()}>
        {reload}
      </button>
    </Notice>
  );
}

/** Moves the focus to the new page, so that a screen reader starts at its beginning. */
function arrive(isBroken: { value: boolean }): void {
  isBroken.value = false;
  document.getElementById("main")?.focus({ preventScroll: true });
}
