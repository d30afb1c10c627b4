/** The frame around every page: navbar, banner, command palette and keyboard shortcuts. */

import { useSignal } from "@preact/signals";
import { useLocation } from "preact-iso/router";
import { useFeed } from "../state/feed.ts";
import { messages } from "../state/locale.ts";
import { sessionOver } from "../state/session.ts";
import { Banner } from "./Banner.tsx";
import { BudgetWarning } from "./BudgetWarning.tsx";
import { Navbar } from "./Navbar.tsx";
import { Palette } from "./Palette.tsx";
import { ShortcutHelp } from "./ShortcutHelp.tsx";
import { useShortcuts } from "./shortcuts.ts";

export function Shell() {
  const isSearching = useSignal(false);
  const isHelping = useSignal(false);
  const { route } = useLocation();
  const openPalette = () => {
    isSearching.value = true;
  };
  const openHelp = () => {
    isHelping.value = true;
  };
  // A session that was ended elsewhere is over on every page at once.
  useFeed("session_over", sessionOver);
  useShortcuts({ openPalette, openHelp, go: route });
  return (
    <>
      <a class="skip" href="#main">{messages.value.skipToContent}</a>
      <Navbar onSearch={openPalette} />
      <Banner />
      <BudgetWarning />
      <Palette isOpen={isSearching} />
      <ShortcutHelp isOpen={isHelping} />
    </>
  );
}
