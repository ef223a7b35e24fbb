import { Button, NumberInput, SegmentedControl, Select, TextInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";
import type { Facets } from "../../api/client";
import type { MoreFields } from "./moreFields";
import styles from "../../components/Filters.module.css";

/** The filters that are used less often. */
export function MoreFiltersForm({ fields, facets, onApply }: { fields: MoreFields; facets: Facets | undefined; onApply: (wanted: MoreFields) => void }) {
  const [draft, setDraft] = useState(fields);
  const set = (change: MoreFields): void => setDraft((before) => ({ ...before, ...change }));
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
          data={[{ value: "", label: "Show" }, { value: "no", label: "Hide" }, { value: "yes", label: "Only" }]}
          value={draft.sample ?? ""}
          onChange={(value) => set({ sample: value || undefined })}
        />
      </fieldset>
      <div className={styles["pair"]}>
        <Button variant="default" onClick={() => onApply({})}>Clear</Button>
        <Button type="submit">Apply</Button>
      </div>
    </form>
  );
}
