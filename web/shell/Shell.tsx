/** What stands around every page: the bar, the banner, the palette and the keyboard's shortcuts. */

import { useSignal } from "@preact/signals";
import { useLocation } from "preact-iso/router";
import { messages } from "../state/locale.ts";
import { Banner } from "./Banner.tsx";
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
  useShortcuts({ openPalette, openHelp, go: route });
  return (
    <>
      <a class="skip" href="#main">{messages.value.skipToContent}</a>
      <Navbar onSearch={openPalette} />
      <Banner />
      <Palette isOpen={isSearching} />
      <ShortcutHelp isOpen={isHelping} />
    </>
  );
}
