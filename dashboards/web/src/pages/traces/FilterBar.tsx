import { TextInput } from "@mantine/core";
import { IconSearch, IconX } from "@tabler/icons-react";
import { type RefObject, useCallback } from "react";
import type { Facets } from "../../api/client";
import { useTyped } from "../../app/typed";
import { isFiltered, type TraceSearch } from "../../lib/search";
import { FacetFilter } from "../../components/FacetFilter";
import styles from "../../components/Filters.module.css";
import { MoreFilters } from "./MoreFilters";

interface Props {
  search: TraceSearch;
  facets: Facets | undefined;
  input: RefObject<HTMLInputElement | null>;
  onChange: (change: Partial<TraceSearch>) => void;
  onClear: () => void;
}

const STATUSES = [
  { value: undefined, label: "All" },
  { value: "ok", label: "OK" },
  { value: "error", label: "Errors" },
] as const;

export function FilterBar({ search, facets, input, onChange, onClear }: Props) {
  const follow = useCallback((q: string) => onChange({ q: q || undefined }), [onChange]);
  const { text, type, settle } = useTyped(search.q ?? "", follow);
  return (
    <div className={styles["bar"]} role="search">
      <TextInput
        ref={input}
        className={styles["search"] ?? ""}
        aria-label="Search traces"
        placeholder="Name, service or trace id"
        value={text}
        maxLength={1000}
        leftSection={<IconSearch size={16} stroke={1.6} />}
        rightSection={text ? (
          <button type="button" className={styles["clear"]} aria-label="Clear the search" onClick={() => settle("")}>
            <IconX size={14} stroke={2} />
          </button>
        ) : <kbd className={styles["hint"]}>/</kbd>}
        onChange={(event) => type(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") settle(text);
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
