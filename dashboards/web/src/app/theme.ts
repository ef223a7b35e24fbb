// Mantine in our colours: its own greys and accent are replaced, its sizes made denser.

import { createTheme, type CSSVariablesResolver, type MantineColorSchemeManager, type MantineColorsTuple } from "@mantine/core";

const teal: MantineColorsTuple = [
  "#e6f6f4", "#ccebe7", "#99d8d0", "#66c4b8", "#3fb3a6", "#1f9c8f", "#14877c", "#0f766e", "#0c625c", "#094d48",
];
const dark: MantineColorsTuple = [
  "#e8ecef", "#aeb8c2", "#8a95a1", "#5d6873", "#37414a", "#242b32", "#191e23", "#13171b", "#0d1013", "#090b0d",
];

export const theme = createTheme({
  primaryColor: "teal",
  primaryShade: 7,
  colors: { teal, dark },
  fontFamily: "var(--font)",
  fontFamilyMonospace: "var(--mono)",
  defaultRadius: 7,
  cursorType: "pointer",
  respectReducedMotion: true,
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "19px" },
  components: {
    Tooltip: { defaultProps: { openDelay: 250, withArrow: false, fz: 12, radius: 6 } },
    Popover: { defaultProps: { shadow: "none" } },
    Menu: { defaultProps: { shadow: "none" } },
  },
});

/** Mantine's semantic colours, as ours. */
export const resolver: CSSVariablesResolver = () => {
  const both = {
    "--mantine-color-body": "var(--surface)",
    "--mantine-color-text": "var(--text)",
    "--mantine-color-dimmed": "var(--text-3)",
    "--mantine-color-placeholder": "var(--text-3)",
    "--mantine-color-default": "var(--surface)",
    "--mantine-color-default-hover": "var(--hover)",
    "--mantine-color-default-color": "var(--text)",
    "--mantine-color-default-border": "var(--line-strong)",
    "--mantine-color-error": "var(--error)",
  };
  return { variables: {}, light: both, dark: both };
};

const STORAGE_KEY = "spanglass-theme";

/** Keeps the choice where `theme.js` finds it before the first paint. */
export const colorScheme: MantineColorSchemeManager = {
  get: (fallback) => {
    try {
      const chosen = localStorage.getItem(STORAGE_KEY);
      return chosen === "light" || chosen === "dark" || chosen === "auto" ? chosen : fallback;
    } catch {
      return fallback;
    }
  },
  set: (value) => {
    try {
      localStorage.setItem(STORAGE_KEY, value);
    } catch {
      // Holds for this page, then.
    }
  },
  subscribe: () => undefined,
  unsubscribe: () => undefined,
  clear: () => {
    try {
      localStorage.removeItem(STORAGE_KEY);
    } catch {
      // Nothing was kept.
    }
  },
};
