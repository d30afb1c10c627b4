/** Starts the console, in the page that the gateway serves for each of the console's paths. */

import { render } from "preact";
import { App } from "./app.tsx";
import { refreshSession } from "./state/session.ts";

const root = document.getElementById("app");
if (root) render(<App />, root);
void refreshSession();
