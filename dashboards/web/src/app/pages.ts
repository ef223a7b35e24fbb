// The pages' code, each fetched when it is needed, or while nothing else is going on.

export const loadOverview = () => import("../pages/overview/OverviewPage");
export const loadConversations = () => import("../pages/conversations/ConversationsPage");
export const loadConversation = () => import("../pages/conversations/ConversationPage");
export const loadUsers = () => import("../pages/conversations/UsersPage");
export const loadCost = () => import("../pages/cost/CostPage");
export const loadSql = () => import("../pages/sql/SqlPage");
export const loadAlerts = () => import("../pages/alerts/AlertsPage");
export const loadIncident = () => import("../pages/incidents/IncidentPage");
export const loadPrompts = () => import("../pages/prompts/PromptsPage");
export const loadPrompt = () => import("../pages/prompts/PromptPage");
export const loadDatasets = () => import("../pages/datasets/DatasetsPage");
export const loadDataset = () => import("../pages/datasets/DatasetPage");
export const loadReview = () => import("../pages/review/ReviewPage");
export const loadQueue = () => import("../pages/review/QueuePage");
export const loadQuality = () => import("../pages/quality/QualityPage");
export const loadScore = () => import("../pages/quality/ScorePage");
export const loadGpus = () => import("../pages/gpus/GpusPage");
export const loadDrift = () => import("../pages/drift/DriftPage");
export const loadPrivacy = () => import("../pages/privacy/PrivacyPage");
export const loadSettings = () => import("../pages/settings/SettingsPage");
export const loadDashboards = () => import("../pages/dashboards/DashboardsPage");
export const loadTraces = () => import("../pages/traces/TracesPage");
export const loadCompare = () => import("../pages/compare/ComparePage");
export const loadTrace = () => import("../pages/trace/TracePage");

export const loadSignIn = () => import("../pages/signin/SignIn");
export const loadPalette = () => import("./Palette");
export const loadHelp = () => import("./HelpDialog");
export const loadMenu = () => import("./MenuDrawer");

const ALL: readonly (() => Promise<unknown>)[] = [
  loadTraces, loadTrace, loadOverview, loadPalette, loadMenu, loadHelp, loadCompare, loadConversations, loadConversation, loadUsers, loadCost, loadPrompts, loadPrompt, loadDatasets, loadDataset, loadReview, loadQueue, loadQuality, loadScore, loadGpus, loadDrift, loadPrivacy, loadAlerts, loadIncident, loadSql, loadDashboards, loadSettings,
];

/** Milliseconds after which a page that has its data is left alone by whoever looks at it first. */
const SETTLED = 1_000;

/**
 * Fetches the other pages' code, one after another, once the present page is complete: before that it
 * would stand in the way of what the page itself waits for.
 */
export function preloadPages(isBusy: () => boolean): void {
  const waiting = [...ALL];
  const whenIdle = (then: () => void): void => {
    if ("requestIdleCallback" in window) window.requestIdleCallback(then);
    else setTimeout(then, 50);
  };
  const next = (): void => {
    const load = waiting.shift();
    void load?.().catch(() => undefined).then(() => whenIdle(next));
  };
  const begin = (): void => {
    if (isBusy()) setTimeout(begin, SETTLED);
    else whenIdle(next);
  };
  setTimeout(begin, SETTLED);
}
