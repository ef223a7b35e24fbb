// The pages and their addresses.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useAuth } from "../api/auth";
import { parseSearch, readActivitySearch, readAlertsSearch, readBoardSearch, readCompareSearch, readConversationSearch, readCostSearch, readDatasetSearch, readGpusSearch, readOverviewSearch, readPromptSearch, readQualitySearch, readReviewSearch, readSpanSearch, readSqlSearch, readTraceSearch, stringifySearch } from "../lib/search";
import { NotFoundPage, PageFailed } from "./failures";
import { loadAlerts, loadCompare, loadConversation, loadConversations, loadCost, loadDashboards, loadDataset, loadDatasets, loadDrift, loadGpus, loadIncident, loadOverview, loadPrompt, loadPrivacy, loadPrompts, loadQuality, loadQueue, loadReview, loadScore, loadSettings, loadSignIn, loadSql, loadTrace, loadTraces, loadUsers } from "./pages";
import { Shell } from "./Shell";

const SignIn = lazy(async () => ({ default: (await loadSignIn()).SignIn }));

function Root() {
  const { wanted } = useAuth();
  // The address stays, so that signing in shows what was asked for.
  if (wanted !== undefined) return <Suspense><SignIn why={wanted} /></Suspense>;
  return <Shell><Outlet /></Shell>;
}

const root = createRootRoute({ component: Root, notFoundComponent: NotFoundPage, errorComponent: PageFailed });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- the router's way
    throw redirect({ to: "/overview", replace: true });
  },
});

export const overviewRoute = createRoute({
  getParentRoute: () => root,
  path: "/overview",
  validateSearch: readOverviewSearch,
  component: lazyRouteComponent(loadOverview, "OverviewPage"),
});

export const conversationsRoute = createRoute({
  getParentRoute: () => root,
  path: "/conversations",
  validateSearch: readActivitySearch,
  component: lazyRouteComponent(loadConversations, "ConversationsPage"),
});

export const conversationRoute = createRoute({
  getParentRoute: () => root,
  path: "/conversations/$sessionId",
  validateSearch: readConversationSearch,
  component: lazyRouteComponent(loadConversation, "ConversationPage"),
});

export const usersRoute = createRoute({
  getParentRoute: () => root,
  path: "/users",
  validateSearch: readActivitySearch,
  component: lazyRouteComponent(loadUsers, "UsersPage"),
});

export const costRoute = createRoute({
  getParentRoute: () => root,
  path: "/cost",
  validateSearch: readCostSearch,
  component: lazyRouteComponent(loadCost, "CostPage"),
});

export const sqlRoute = createRoute({
  getParentRoute: () => root,
  path: "/sql",
  validateSearch: readSqlSearch,
  component: lazyRouteComponent(loadSql, "SqlPage"),
});

export const dashboardsRoute = createRoute({
  getParentRoute: () => root,
  path: "/dashboards",
  validateSearch: readBoardSearch,
  component: lazyRouteComponent(loadDashboards, "DashboardsPage"),
});

export const alertsRoute = createRoute({
  getParentRoute: () => root,
  path: "/alerts",
  validateSearch: readAlertsSearch,
  component: lazyRouteComponent(loadAlerts, "AlertsPage"),
});

export const incidentRoute = createRoute({
  getParentRoute: () => root,
  path: "/incidents/$number",
  component: lazyRouteComponent(loadIncident, "IncidentPage"),
});

export const promptsRoute = createRoute({
  getParentRoute: () => root,
  path: "/prompts",
  component: lazyRouteComponent(loadPrompts, "PromptsPage"),
});

export const promptRoute = createRoute({
  getParentRoute: () => root,
  path: "/prompts/$name",
  validateSearch: readPromptSearch,
  component: lazyRouteComponent(loadPrompt, "PromptPage"),
});

export const datasetsRoute = createRoute({
  getParentRoute: () => root,
  path: "/datasets",
  component: lazyRouteComponent(loadDatasets, "DatasetsPage"),
});

export const datasetRoute = createRoute({
  getParentRoute: () => root,
  path: "/datasets/$name",
  validateSearch: readDatasetSearch,
  component: lazyRouteComponent(loadDataset, "DatasetPage"),
});

export const reviewRoute = createRoute({
  getParentRoute: () => root,
  path: "/review",
  component: lazyRouteComponent(loadReview, "ReviewPage"),
});

export const queueRoute = createRoute({
  getParentRoute: () => root,
  path: "/review/$name",
  validateSearch: readReviewSearch,
  component: lazyRouteComponent(loadQueue, "QueuePage"),
});

export const qualityRoute = createRoute({
  getParentRoute: () => root,
  path: "/quality",
  validateSearch: readQualitySearch,
  component: lazyRouteComponent(loadQuality, "QualityPage"),
});

export const scoreRoute = createRoute({
  getParentRoute: () => root,
  path: "/quality/$name",
  validateSearch: readQualitySearch,
  component: lazyRouteComponent(loadScore, "ScorePage"),
});

export const gpusRoute = createRoute({
  getParentRoute: () => root,
  path: "/gpus",
  validateSearch: readGpusSearch,
  component: lazyRouteComponent(loadGpus, "GpusPage"),
});

export const driftRoute = createRoute({
  getParentRoute: () => root,
  path: "/drift",
  component: lazyRouteComponent(loadDrift, "DriftPage"),
});

export const privacyRoute = createRoute({
  getParentRoute: () => root,
  path: "/privacy",
  validateSearch: readOverviewSearch,
  component: lazyRouteComponent(loadPrivacy, "PrivacyPage"),
});

export const settingsRoute = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(loadSettings, "SettingsPage"),
});

export const tracesRoute = createRoute({
  getParentRoute: () => root,
  path: "/traces",
  validateSearch: readTraceSearch,
  component: lazyRouteComponent(loadTraces, "TracesPage"),
});

export const compareRoute = createRoute({
  getParentRoute: () => root,
  path: "/compare",
  validateSearch: readCompareSearch,
  component: lazyRouteComponent(loadCompare, "ComparePage"),
});

export const traceRoute = createRoute({
  getParentRoute: () => root,
  path: "/traces/$traceId",
  validateSearch: readSpanSearch,
  component: lazyRouteComponent(loadTrace, "TracePage"),
});

export const router = createRouter({
  routeTree: root.addChildren([home, overviewRoute, tracesRoute, traceRoute, compareRoute, conversationsRoute, conversationRoute, usersRoute, costRoute, promptsRoute, promptRoute, datasetsRoute, datasetRoute, reviewRoute, queueRoute, qualityRoute, scoreRoute, gpusRoute, driftRoute, privacyRoute, alertsRoute, incidentRoute, sqlRoute, dashboardsRoute, settingsRoute]),
  parseSearch,
  stringifySearch,
  defaultErrorComponent: PageFailed,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
