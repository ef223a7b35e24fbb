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
export const loadSettings = () => import("../pages/settings/SettingsPage");
export const loadDashboards = () => import("../pages/dashboards/DashboardsPage");
export const loadTraces = () => import("../pages/traces/TracesPage");
export const loadCompare = () => import("../pages/compare/ComparePage");
export const loadTrace = () => import("../pages/trace/TracePage");

/** Fetches the other pages' code once the present one is there. */
export function preloadPages(): void {
  const load = (): void => {
    for (const each of [loadOverview, loadTraces, loadTrace, loadCompare, loadConversations, loadConversation, loadUsers, loadCost, loadPrompts, loadPrompt, loadDatasets, loadDataset, loadReview, loadQueue, loadQuality, loadScore, loadGpus, loadDrift, loadAlerts, loadIncident, loadSql, loadDashboards, loadSettings]) each().catch(() => undefined);
  };
  if ("requestIdleCallback" in window) window.requestIdleCallback(load);
  else setTimeout(load, 500);
}
