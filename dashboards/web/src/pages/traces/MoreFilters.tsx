import { Popover } from "@mantine/core";
import { IconAdjustmentsHorizontal } from "@tabler/icons-react";
import { useState } from "react";
import type { Facets } from "../../api/client";
import type { Term } from "../../lib/query";
import styles from "../../components/Filters.module.css";
import { type MoreFields, readFields, writeFields } from "./moreFields";
import type { MoreFiltersForm } from "./MoreFiltersForm";

interface Props {
  query: string;
  terms: readonly Term[];
  facets: Facets | undefined;
  onChange: (query: string) => void;
}

export function MoreFilters({ query, terms, facets, onChange }: Props) {
  const [opened, setOpened] = useState(false);
  // Its fields are fetched when somebody wants them, before the popover takes the focus.
  const [Form, setForm] = useState<typeof MoreFiltersForm>();
  const fields = readFields(terms);
  const active = Object.values(fields).filter((value) => value !== undefined).length;
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
            fields={fields}
            facets={facets}
            onApply={(wanted: MoreFields) => {
              setOpened(false);
              onChange(writeFields(query, terms, fields, wanted));
            }}
          />
        )}
      </Popover.Dropdown>
    </Popover>
  );
}
