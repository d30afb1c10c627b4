/** The first page: an introduction for visitors, the next steps for users. */

import { Welcome } from "./Welcome.tsx";
import { session } from "../../state/session.ts";
import { Checklist } from "./Checklist.tsx";

export function Home() {
  const current = session.value;
  if (current.state === "unknown") return null;
  return current.state === "in" ? <Checklist user={current.user} /> : <Welcome />;
}
