/** The console: its routes, and the shell around every page. */

import { useSignal } from "@preact/signals";
import { ErrorBoundary } from "preact-iso/lazy";
import lazy from "preact-iso/lazy";
import { LocationProvider, Route, Router } from "preact-iso/router";
import { Home } from "./page/home/Home.tsx";
import { NotFound } from "./page/NotFound.tsx";
import { Notice } from "./part/Notice.tsx";
import { paths } from "./route.ts";
import { Shell } from "./shell/Shell.tsx";
import { messages } from "./state/locale.ts";

const Register = lazy(() => import("./page/account/Register.tsx").then((page) => page.Register));
const Login = lazy(() => import("./page/account/Login.tsx").then((page) => page.Login));
const Setup = lazy(() => import("./page/account/Setup.tsx").then((page) => page.Setup));
const Join = lazy(() => import("./page/join/Join.tsx").then((page) => page.Join));
const Dashboard = lazy(() =>
  import("./page/dashboard/Dashboard.tsx").then((page) => page.Dashboard)
);
const Nodes = lazy(() => import("./page/nodes/Nodes.tsx").then((page) => page.Nodes));
const NodeDetail = lazy(() => import("./page/node/NodeDetail.tsx").then((page) => page.NodeDetail));
const Models = lazy(() => import("./page/models/Models.tsx").then((page) => page.Models));
const Playground = lazy(() =>
  import("./page/playground/Playground.tsx").then((page) => page.Playground)
);
const Keys = lazy(() => import("./page/keys/Keys.tsx").then((page) => page.Keys));
const Calls = lazy(() => import("./page/calls/Calls.tsx").then((page) => page.Calls));
const Settings = lazy(() => import("./page/settings/Settings.tsx").then((page) => page.Settings));
const Admin = lazy(() => import("./page/admin/Admin.tsx").then((page) => page.Admin));

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
            <Route path={paths.join} component={Join} />
            <Route path={paths.dashboard} component={Dashboard} />
            <Route path={paths.nodes} component={Nodes} />
            <Route path={paths.node} component={NodeDetail} />
            <Route path={paths.models} component={Models} />
            <Route path={paths.playground} component={Playground} />
            <Route path={paths.keys} component={Keys} />
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
