import { Button, NumberInput, Popover, SegmentedControl, Select, TextInput } from "@mantine/core";
import { IconAdjustmentsHorizontal } from "@tabler/icons-react";
import { type SubmitEvent, useState } from "react";
import type { Facets } from "../../api/client";
import type { TraceSearch } from "../../lib/search";
import styles from "./Filters.module.css";

interface Props {
  search: TraceSearch;
  facets: Facets | undefined;
  onChange: (change: Partial<TraceSearch>) => void;
}

const FIELDS = ["environment", "feature", "tag", "session", "user", "min_ms", "max_ms", "min_tokens", "min_cost", "sample"] as const;

export function MoreFilters({ search, facets, onChange }: Props) {
  const [opened, setOpened] = useState(false);
  const active = FIELDS.filter((field) => search[field] !== undefined).length;
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" trapFocus returnFocus>
      <Popover.Target>
        <div className={styles["pill"]} data-active={active > 0 || undefined}>
          <button type="button" aria-haspopup="dialog" aria-expanded={opened} onClick={() => setOpened(!opened)}>
            <IconAdjustmentsHorizontal size={15} stroke={1.6} aria-hidden />
            Filters
            {active > 0 && <b>{active}</b>}
          </button>
        </div>
      </Popover.Target>
      <Popover.Dropdown p={14} w={320} aria-label="Filters">
        {opened && (
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

type Draft = Pick<TraceSearch, (typeof FIELDS)[number]>;
const EMPTY: Draft = Object.fromEntries(FIELDS.map((field) => [field, undefined]));

function Form({ search, facets, onApply }: { search: TraceSearch; facets: Facets | undefined; onApply: (change: Draft) => void }) {
  const [draft, setDraft] = useState<Draft>(() => Object.fromEntries(FIELDS.map((field) => [field, search[field]])));
  const set = (change: Draft): void => setDraft((before) => ({ ...before, ...change }));
  const number = (value: string | number): number | undefined => (value === "" ? undefined : Number(value));
  const choices = (values: { value: string }[] | undefined, chosen: string | undefined): string[] => {
    const found = values?.map((each) => each.value) ?? [];
    return chosen === undefined || found.includes(chosen) ? found : [chosen, ...found];
  };
  const apply = (event: SubmitEvent): void => {
    event.preventDefault();
    onApply(draft);
  };
  const common = { size: "sm", hideControls: true, allowNegative: false } as const;
  const select = (field: "environment" | "feature" | "tag", label: string) => (
    <Select
      label={label}
      data={choices(facets?.[field], draft[field])}
      value={draft[field] ?? null}
      onChange={(value) => set({ [field]: value ?? undefined })}
      placeholder="Any"
      clearable
      searchable
      comboboxProps={{ withinPortal: false }}
    />
  );
  return (
    <form className={styles["form"]} onSubmit={apply}>
      <div className={styles["pair"]}>
        <NumberInput {...common} label="Duration from" suffix=" ms" placeholder="Any" value={draft.min_ms ?? ""} onChange={(value) => set({ min_ms: number(value) })} />
        <NumberInput {...common} label="to" suffix=" ms" placeholder="Any" value={draft.max_ms ?? ""} onChange={(value) => set({ max_ms: number(value) })} />
      </div>
      <div className={styles["pair"]}>
        <NumberInput {...common} label="Tokens from" thousandSeparator="," allowDecimal={false} placeholder="Any" value={draft.min_tokens ?? ""} onChange={(value) => set({ min_tokens: number(value) })} />
        <NumberInput {...common} label="Cost from" prefix="$" decimalScale={6} placeholder="Any" value={draft.min_cost ?? ""} onChange={(value) => set({ min_cost: number(value) })} />
      </div>
      <div className={styles["pair"]}>
        {select("environment", "Environment")}
        {select("feature", "Feature")}
      </div>
      <div className={styles["pair"]}>
        <TextInput label="Session" placeholder="Any" value={draft.session ?? ""} onChange={(event) => set({ session: event.currentTarget.value || undefined })} />
        <TextInput label="User" placeholder="Any" value={draft.user ?? ""} onChange={(event) => set({ user: event.currentTarget.value || undefined })} />
      </div>
      {select("tag", "Tag")}
      <fieldset>
        <legend>Sample data</legend>
        <SegmentedControl
          fullWidth
          size="xs"
          data={[{ value: "", label: "Show" }, { value: "hide", label: "Hide" }, { value: "only", label: "Only" }]}
          value={draft.sample ?? ""}
          onChange={(value) => set({ sample: value === "hide" || value === "only" ? value : undefined })}
        />
      </fieldset>
      <div className={styles["pair"]}>
        <Button variant="default" onClick={() => onApply(EMPTY)}>Clear</Button>
        <Button type="submit">Apply</Button>
      </div>
    </form>
  );
}
