import { Popover } from "@mantine/core";
import { IconAdjustmentsHorizontal } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";
import type { Facets } from "../../api/client";
import type { TraceSearch } from "../../lib/search";
import { MORE_FIELDS } from "./moreFields";
import styles from "./Filters.module.css";

interface Props {
  search: TraceSearch;
  facets: Facets | undefined;
  onChange: (change: Partial<TraceSearch>) => void;
}

const MoreFiltersForm = lazy(() => import("./MoreFiltersForm").then((module) => ({ default: module.MoreFiltersForm })));

export function MoreFilters({ search, facets, onChange }: Props) {
  const [opened, setOpened] = useState(false);
  const active = MORE_FIELDS.filter((field) => search[field] !== undefined).length;
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" trapFocus returnFocus withRoles={false}>
      <Popover.Target>
        <div className={styles["pill"]} data-active={active > 0 || undefined}>
          <button type="button" aria-haspopup="dialog" aria-expanded={opened} onClick={() => setOpened(!opened)}>
            <IconAdjustmentsHorizontal size={15} stroke={1.6} aria-hidden />
            Filters
            {active > 0 && <b>{active}</b>}
          </button>
        </div>
      </Popover.Target>
      <Popover.Dropdown p={14} w={320} role="dialog" aria-label="Filters">
        <Suspense fallback={<div className={styles["formLoading"]} role="status" aria-label="Loading the filters" />}>
          {opened && (
            <MoreFiltersForm
              search={search}
              facets={facets}
              onApply={(change) => {
                setOpened(false);
                onChange(change);
              }}
            />
          )}
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  );
}

