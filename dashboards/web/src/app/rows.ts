// J and K on lists that have no cursor of their own: the focus goes from row to row, and Enter is its.

import { useEffect } from "react";

const ROWS = "tbody tr, li, article";
const CONTROLS = "a[href], button:not(:disabled), summary";

/** The control of each row that has one, the first of its kind. */
function controls(): [row: HTMLElement, control: HTMLElement][] {
  const found = new Map<HTMLElement, HTMLElement>();
  for (const row of document.getElementById("main")?.querySelectorAll<HTMLElement>(ROWS) ?? []) {
    if (row.closest("aside, nav, form")) continue;
    const control = [...row.querySelectorAll<HTMLElement>(CONTROLS)].find((each) => each.checkVisibility());
    // A row within a row is the one that is meant.
    if (control) found.set(control, row);
  }
  return [...found].map(([control, row]) => [row, control]);
}

function move(step: 1 | -1): void {
  const rows = controls();
  const here = rows.findLastIndex(([row]) => row.contains(document.activeElement));
  const next = here < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, here + step));
  rows[next]?.[1].focus();
}

export function useRowKeys(): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      const step = event.key === "j" ? 1 : event.key === "k" ? -1 : undefined;
      // The page's own keys come first: they listen on the document.
      if (step === undefined || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLElement && (event.target.isContentEditable || event.target.closest('input, textarea, select, [role="dialog"], [role="listbox"], [role="menu"]'))) return;
      move(step);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}
