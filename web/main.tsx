/** The console: starts it, in the page that the gateway serves for every path of its own. */

import { render } from "preact";
import { App } from "./app.tsx";
import { refreshSession } from "./state/session.ts";

const root = document.getElementById("app");
if (root) render(<App />, root);
void refreshSession();
