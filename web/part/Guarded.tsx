/** A page that needs a session: without one, redirects to the login page. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso/router";
import type { UserView } from "../../api/mod.ts";
import { loginPath, paths } from "../route.ts";
import { refreshSession, session } from "../state/session.ts";
import { ErrorNotice } from "./Notice.tsx";
import { Skeleton } from "./Skeleton.tsx";
import * as pageStyle from "./Page.module.css";

export function Guarded({ children }: { children: (user: UserView) => ComponentChildren }) {
  const { url, route } = useLocation();
  const current = session.value;

  useEffect(() => {
    if (current.state !== "out") return;
    route(current.why === "left" ? paths.home : loginPath(url), true);
  }, [current.state]);

  if (current.state === "in") return <>{children(current.user)}</>;
  if (current.state === "unreachable") {
    return (
      <div class={pageStyle.narrow}>
        <ErrorNotice error={current.error} retry={() => void refreshSession()} />
      </div>
    );
  }
  return <Skeleton />;
}
