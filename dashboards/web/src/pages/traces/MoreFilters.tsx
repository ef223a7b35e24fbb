import { Popover } from "@mantine/core";
import { IconAdjustmentsHorizontal } from "@tabler/icons-react";
import { useState } from "react";
import type { Facets } from "../../api/client";
import type { TraceSearch } from "../../lib/search";
import styles from "../../components/Filters.module.css";
import { MORE_FIELDS } from "./moreFields";
import type { MoreFiltersForm } from "./MoreFiltersForm";

interface Props {
  search: TraceSearch;
  facets: Facets | undefined;
  onChange: (change: Partial<TraceSearch>) => void;
}

export function MoreFilters({ search, facets, onChange }: Props) {
  const [opened, setOpened] = useState(false);
  // Its fields are fetched when somebody wants them, before the popover takes the focus.
  const [Form, setForm] = useState<typeof MoreFiltersForm>();
  const active = MORE_FIELDS.filter((field) => search[field] !== undefined).length;
  const toggle = async (): Promise<void> => {
    if (!Form) {
      const module = await import("./MoreFiltersForm");
      setForm(() => module.MoreFiltersForm);
    }
    setOpened(!opened);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" trapFocus returnFocus withRoles={false}>
      <Popover.Target>
        <div className={styles["pill"]} data-active={active > 0 || undefined}>
          <button type="button" aria-haspopup="dialog" aria-expanded={opened} onClick={() => void toggle()}>
            <IconAdjustmentsHorizontal size={15} stroke={1.6} aria-hidden />
            Filters
            {active > 0 && <b>{active}</b>}
          </button>
        </div>
      </Popover.Target>
      <Popover.Dropdown p={14} w={320} role="dialog" aria-label="Filters">
        {opened && Form && (
          <Form
            search={search}
            facets={facets}
            onApply={(change) => {
              setOpened(false);
              onChange(change);
            }}
          />
        )}
      </Popover.Dropdown>
    </Popover>
  );
}
