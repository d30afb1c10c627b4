/** Starts the console, in the page that the gateway serves for each of the console's paths. */

import { render } from "preact";
import { App } from "./app.tsx";
import { languageLoaded } from "./state/locale.ts";
import { refreshSession } from "./state/session.ts";

const root = document.getElementById("app");
void refreshSession();
// So that no page begins in one language and goes on in another.
await languageLoaded();
if (root) render(<App />, root);
