// "g", then a letter: to a page.

import { useEffect, useRef } from "react";

/** The letter of a page, by its address. */
export const LETTERS: Readonly<Record<string, string>> = {
  "/overview": "o", "/traces": "t", "/conversations": "v", "/cost": "c", "/quality": "q", "/gpus": "g", "/engines": "g", "/prompts": "p",
  "/drift": "d", "/privacy": "y", "/review": "r", "/datasets": "e", "/alerts": "a", "/sql": "s", "/dashboards": "b", "/settings": ",",
};

/** Milliseconds in which the letter has to follow. */
const PATIENCE = 1_500;

/** Calls `go` with the address of a page whose letter was pressed after "g". */
export function useGoTo(addresses: readonly string[], go: (address: string) => void): void {
  const since = useRef(-Infinity);
  const latest = useRef(go);
  useEffect(() => {
    latest.current = go;
  });
  useEffect(() => {
    // Before the page's own keys, which the letter may be one of.
    const listen = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isElsewhere(event.target)) return;
      const pending = event.timeStamp - since.current < PATIENCE;
      since.current = -Infinity;
      if (pending) {
        const address = addresses.find((each) => LETTERS[each] === event.key.toLowerCase());
        if (address === undefined) return;
        event.preventDefault();
        latest.current(address);
      } else if (event.key === "g") {
        since.current = event.timeStamp;
      }
    };
    window.addEventListener("keydown", listen, true);
    return () => window.removeEventListener("keydown", listen, true);
  }, [addresses]);
}

/** Whether a key belongs to a field, or to a dialog that lies over the page. */
function isElsewhere(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest('input, textarea, select, [role="dialog"], [role="menu"]') !== null);
}
