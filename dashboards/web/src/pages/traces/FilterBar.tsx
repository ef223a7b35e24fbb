import { TextInput } from "@mantine/core";
import { IconSearch, IconX } from "@tabler/icons-react";
import { type RefObject, useEffect, useState } from "react";
import type { Facets } from "../../api/client";
import { isFiltered, type TraceSearch } from "../../lib/search";
import { FacetFilter } from "./FacetFilter";
import styles from "./Filters.module.css";
import { MoreFilters } from "./MoreFilters";

interface Props {
  search: TraceSearch;
  facets: Facets | undefined;
  input: RefObject<HTMLInputElement | null>;
  onChange: (change: Partial<TraceSearch>) => void;
  onClear: () => void;
}

/** Milliseconds after the last letter until the list follows. */
const TYPING_PAUSE = 250;

const STATUSES = [
  { value: undefined, label: "All" },
  { value: "ok", label: "OK" },
  { value: "error", label: "Errors" },
] as const;

export function FilterBar({ search, facets, input, onChange, onClear }: Props) {
  const [typed, setTyped] = useState(search.q ?? "");
  const [shown, setShown] = useState(search.q);
  // The address changed by other means than typing: back, a link, "clear".
  if (shown !== search.q) {
    setShown(search.q);
    if ((search.q ?? "") !== typed.trim()) setTyped(search.q ?? "");
  }
  useEffect(() => {
    const wanted = typed.trim();
    if (wanted === (search.q ?? "")) return;
    const timer = setTimeout(() => onChange({ q: wanted || undefined }), TYPING_PAUSE);
    return () => clearTimeout(timer);
  }, [typed, search.q, onChange]);
  return (
    <div className={styles["bar"]} role="search">
      <TextInput
        ref={input}
        className={styles["search"] ?? ""}
        aria-label="Search traces"
        placeholder="Name, service or trace id"
        value={typed}
        maxLength={1000}
        leftSection={<IconSearch size={16} stroke={1.6} />}
        rightSection={typed ? (
          <button type="button" className={styles["clear"]} aria-label="Clear the search" onClick={() => setTyped("")}>
            <IconX size={14} stroke={2} />
          </button>
        ) : <kbd className={styles["hint"]}>/</kbd>}
        onChange={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") onChange({ q: typed.trim() || undefined });
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      <div className={styles["pills"]}>
        <div className={styles["segments"]} role="group" aria-label="Status">
          {STATUSES.map((status) => (
            <button key={status.label} type="button" aria-pressed={search.status === status.value} onClick={() => onChange({ status: status.value })}>
              {status.label}
            </button>
          ))}
        </div>
        <FacetFilter label="Service" value={search.service} options={facets?.service ?? []} onChange={(service) => onChange({ service })} />
        <FacetFilter label="Operation" value={search.operation} options={facets?.operation ?? []} onChange={(operation) => onChange({ operation })} />
        <FacetFilter label="Model" value={search.model} options={facets?.model ?? []} onChange={(model) => onChange({ model })} />
        <MoreFilters search={search} facets={facets} onChange={onChange} />
        {isFiltered(search) && (
          <button type="button" className={styles["clearAll"]} onClick={onClear}>Clear all</button>
        )}
      </div>
    </div>
  );
}
