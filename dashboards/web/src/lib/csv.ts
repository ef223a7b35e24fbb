// Rows as text that spreadsheets read.

/** Comma-separated values with a head. Source: RFC 4180. */
export function toCsv(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  return [columns, ...rows].map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
}

/** A value as one line of text: what is nested, as JSON. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function field(value: unknown): string {
  const text = plain(value);
  // A spreadsheet takes what begins so for a formula, which may come from whoever was traced.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
