// The key that a person signed in with: kept for this tab, sent with every request.

import { useSyncExternalStore } from "react";

const STORAGE_KEY = "spanglass-key";

/** Why a provider of identities brought nobody back; read before the router makes the address its own. */
export const refused = new URLSearchParams(location.search).get("refused") ?? "";

export interface Auth {
  key: string;
  /** Set when the service asked for a key; says why, for the sign-in page. */
  wanted: string | undefined;
}

let auth: Auth = { key: stored(), wanted: undefined };
const listeners = new Set<() => void>();

function stored(): string {
  try {
    return sessionStorage.getItem(STORAGE_KEY) ?? "";
  } catch {
    return "";
  }
}

function change(next: Auth): void {
  auth = next;
  try {
    if (next.key) sessionStorage.setItem(STORAGE_KEY, next.key);
    else sessionStorage.removeItem(STORAGE_KEY);
  } catch {
    // Kept for this page alone, then.
  }
  listeners.forEach((listener) => listener());
}

export function currentKey(): string {
  return auth.key;
}

export function signIn(key: string): void {
  change({ key, wanted: undefined });
}

export function signOut(): void {
  change({ key: "", wanted: "" });
}

/** The service refused the key, or wants one. */
export function askForKey(why: string): void {
  if (auth.wanted === undefined) change({ key: "", wanted: why });
}

export function useAuth(): Auth {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => auth,
  );
}
