// What incidents say, in words.

const WORDS: Readonly<Record<string, string>> = {
  opened: "Opened",
  reopened: "Opened anew",
  fired: "Alert",
  taken: "Alert taken",
  well: "Alert over",
  acknowledged: "Acknowledged",
  told: "Told",
  note: "Note",
  owner: "Owner",
  title: "Renamed",
  severity: "Severity",
  resolved: "Resolved",
};

/** What a line of a timeline is called. */
export function wordOf(kind: string): string {
  return WORDS[kind] ?? kind;
}

/** How long something took, for people: the two largest units. */
export function formatSpan(millis: number): string {
  const seconds = Math.max(0, Math.round(millis / 1000));
  if (seconds < 60) return `${String(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${String(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${String(hours)} h ${String(minutes % 60)} min` : `${String(Math.floor(hours / 24))} d ${String(hours % 24)} h`;
}

interface WithPlaybook {
  id: string;
  playbook: string;
  state: string;
}

/** Each playbook once, with the alert that fills it in: one that fires, if any does. */
export function playbooksOf(alerts: readonly WithPlaybook[]): { name: string; alert: string }[] {
  const found = new Map<string, WithPlaybook>();
  for (const alert of alerts) {
    const known = found.get(alert.playbook);
    if (alert.playbook !== "" && (!known || (known.state === "resolved" && alert.state !== "resolved"))) found.set(alert.playbook, alert);
  }
  // An alert that is over may be forgotten: the playbook is then about the last hour.
  return [...found].map(([name, alert]) => ({ name, alert: alert.state === "resolved" ? "" : alert.id }));
}
