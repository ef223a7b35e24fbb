// The pages and their addresses.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from "@tanstack/react-router";
import { useAuth } from "../api/auth";
import { parseSearch, readSpanSearch, readTraceSearch, stringifySearch } from "../lib/search";
import { SignIn } from "../pages/signin/SignIn";
import { TracesPage } from "../pages/traces/TracesPage";
import { NotFoundPage, PageFailed } from "./failures";
import { Shell } from "./Shell";

function Root() {
  const { wanted } = useAuth();
  // The address stays, so that signing in shows what was asked for.
  if (wanted !== undefined) return <SignIn why={wanted} />;
  return <Shell><Outlet /></Shell>;
}

const root = createRootRoute({ component: Root, notFoundComponent: NotFoundPage, errorComponent: PageFailed });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- the router's way
    throw redirect({ to: "/traces", replace: true });
  },
});

export const tracesRoute = createRoute({
  getParentRoute: () => root,
  path: "/traces",
  validateSearch: readTraceSearch,
  component: TracesPage,
});

const loadTrace = () => import("../pages/trace/TracePage");

export const traceRoute = createRoute({
  getParentRoute: () => root,
  path: "/traces/$traceId",
  validateSearch: readSpanSearch,
  component: lazyRouteComponent(loadTrace, "TracePage"),
});

export const router = createRouter({
  routeTree: root.addChildren([home, tracesRoute, traceRoute]),
  parseSearch,
  stringifySearch,
  defaultErrorComponent: PageFailed,
  scrollRestoration: false,
});

/** Fetches the trace page's code while nothing else is going on. */
export function preloadPages(): void {
  const load = (): void => void loadTrace().catch(() => undefined);
  if ("requestIdleCallback" in window) window.requestIdleCallback(load);
  else setTimeout(load, 500);
}

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
