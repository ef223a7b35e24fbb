// Keys that work on a whole page.

import { useLayoutEffect, useRef } from "react";

export type KeyMap = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/**
 * Calls what is listed under `event.key` (letters in lower case). Keys typed into a field belong to
 * the field, but for Escape; while a dialog is open they all belong to the dialog.
 */
export function useKeys(keys: KeyMap): void {
  const current = useRef(keys);
  // Before the page is painted: who sees it may press its keys.
  useLayoutEffect(() => {
    current.current = keys;
  });
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (overlayIsOpen()) return;
      const target = event.target instanceof HTMLElement ? event.target : undefined;
      if (target && event.key !== "Escape" && isField(target)) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      // Enter and Space on a focused control are the control's.
      if (key === "Enter" && target?.closest("a, button, summary")) return;
      const act = current.current[key];
      if (!act) return;
      event.preventDefault();
      act(event);
    };
    // Not on the window: what listens there acts on the keys that no page has taken.
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

/** Whether a dialog or a list of choices lies over the page. */
function overlayIsOpen(): boolean {
  return [...document.querySelectorAll('[role="dialog"], [role="listbox"], [role="menu"]')].some((element) => element.checkVisibility());
}

function isField(element: HTMLElement): boolean {
  return element.isContentEditable || element.matches("input, textarea, select");
}

/** What the help lists. */
export const HELP: readonly { title: string; keys: readonly { keys: readonly string[]; does: string }[] }[] = [
  {
    title: "Anywhere",
    keys: [
      { keys: ["Ctrl", "K"], does: "Commands: pages, traces, filters" },
      { keys: ["/"], does: "Search" },
      { keys: ["?"], does: "Show or hide this help" },
      { keys: ["R"], does: "Refresh" },
      { keys: ["Esc"], does: "Leave the search, close, go back" },
    ],
  },
  {
    title: "Every list",
    keys: [
      { keys: ["J"], does: "Next row" },
      { keys: ["K"], does: "Previous row" },
      { keys: ["Enter"], does: "Open it" },
    ],
  },
  {
    title: "List of traces",
    keys: [
      { keys: ["J", "↓"], does: "Next trace" },
      { keys: ["K", "↑"], does: "Previous trace" },
      { keys: ["Enter"], does: "Open it" },
      { keys: ["P"], does: "Peek at it beside the list" },
      { keys: ["X"], does: "Choose it, to compare or export" },
      { keys: ["L"], does: "Live on or off" },
      { keys: ["V"], does: "As a chart, as a table" },
    ],
  },
  {
    title: "Two traces side by side",
    keys: [
      { keys: ["J", "↓"], does: "Next step" },
      { keys: ["K", "↑"], does: "Previous step" },
    ],
  },
  {
    title: "Review",
    keys: [
      { keys: ["1", "…", "9"], does: "Answer the question" },
      { keys: ["J"], does: "Next question" },
      { keys: ["K"], does: "Previous question" },
      { keys: ["Enter"], does: "Label it, show the next" },
      { keys: ["S"], does: "Skip it" },
      { keys: ["U"], does: "Take the last one back" },
    ],
  },
  {
    title: "SQL",
    keys: [
      { keys: ["Ctrl", "Enter"], does: "Run it" },
      { keys: ["Tab"], does: "Take the name that is offered" },
      { keys: ["/"], does: "Write" },
      { keys: ["Esc"], does: "Leave the statement" },
    ],
  },
  {
    title: "Trace",
    keys: [
      { keys: ["J", "↓"], does: "Next span" },
      { keys: ["K", "↑"], does: "Previous span" },
      { keys: ["←", "→"], does: "Collapse, expand" },
      { keys: ["E"], does: "Next error" },
      { keys: ["M"], does: "Next model call" },
      { keys: ["C"], does: "Only the critical path" },
      { keys: ["V"], does: "As a graph of agents and tools, as a tree" },
      { keys: ["L"], does: "Its log records" },
      { keys: ["[", "]"], does: "Previous, next trace of the list" },
    ],
  },
];
