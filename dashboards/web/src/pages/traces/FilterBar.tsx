import { useQuery } from "@tanstack/react-query";
import type { RefObject } from "react";
import type { Facets } from "../../api/client";
import { understoodQuery } from "../../api/queries";
import { FacetFilter } from "../../components/FacetFilter";
import styles from "../../components/Filters.module.css";
import { ViewsMenu } from "../../components/ViewsMenu";
import { valueOf, withValue } from "../../lib/query";
import { readTraceSearch, type TraceSearch } from "../../lib/search";
import type { TimeRange } from "../../lib/time";
import { MoreFilters } from "./MoreFilters";
import { QueryBar } from "./QueryBar";

interface Props {
  search: TraceSearch;
  range: TimeRange;
  facets: Facets | undefined;
  input: RefObject<HTMLInputElement | null>;
  /** Typing takes the place of what was there; a button makes a step that "back" undoes. */
  onChange: (query: string, typed?: boolean) => void;
}

const STATUSES = [
  { value: undefined, label: "All" },
  { value: "ok", label: "OK" },
  { value: "error", label: "Errors" },
] as const;

/** The query, and buttons for what is asked most: both change the same text. */
export function FilterBar({ search, range, facets, input, onChange }: Props) {
  const query = search.q ?? "";
  const understood = useQuery({ ...understoodQuery(query), enabled: query !== "" });
  const terms = (query === "" ? undefined : understood.data?.terms) ?? [];
  const choose = (field: string) => (value: string | undefined): void => onChange(withValue(query, terms, field, value));
  const facet = (field: "service" | "operation" | "model", label: string) => (
    <FacetFilter label={label} value={valueOf(terms, field)} options={facets?.[field] ?? []} onChange={choose(field)} />
  );
  const status = valueOf(terms, "status");
  return (
    <div className={styles["bar"]} role="search">
      <QueryBar query={query} range={range} input={input} onSettled={(next) => onChange(next, true)} />
      <div className={styles["pills"]}>
        <div className={styles["segments"]} role="group" aria-label="Status">
          {STATUSES.map(({ value, label }) => (
            <button key={label} type="button" aria-pressed={status === value} onClick={() => choose("status")(value)}>{label}</button>
          ))}
        </div>
        {facet("service", "Service")}
        {facet("operation", "Operation")}
        {facet("model", "Model")}
        <MoreFilters query={query} terms={terms} facets={facets} onChange={onChange} />
        <ViewsMenu
          page="/traces" label="Views" title="Saved views" thing="view" read={readTraceSearch} search={{ ...search, peek: undefined, live: undefined }}
          about="A view is this page with its query, range and order; everybody of the project sees it."
        />
        {query !== "" && <button type="button" className={styles["clearAll"]} onClick={() => onChange("")}>Clear all</button>}
      </div>
    </div>
  );
}
