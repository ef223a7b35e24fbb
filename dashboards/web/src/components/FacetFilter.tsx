import { Combobox, useCombobox } from "@mantine/core";
import { IconChevronDown, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { formatCompact } from "../lib/format";
import styles from "./Filters.module.css";

interface Props {
  label: string;
  value: string | undefined;
  options: readonly { value: string; traces: number }[];
  onChange: (value: string | undefined) => void;
}

/** A filter on one of the values that occur. */
export function FacetFilter({ label, value, options, onChange }: Props) {
  const [search, setSearch] = useState("");
  const combobox = useCombobox({
    onDropdownClose: () => {
      combobox.resetSelectedOption();
      setSearch("");
    },
    onDropdownOpen: () => combobox.focusSearchInput(),
  });
  const wanted = search.trim().toLowerCase();
  const shown = options.filter((option) => option.value.toLowerCase().includes(wanted));
  const most = options[0]?.traces ?? 1;
  return (
    <Combobox
      store={combobox}
      position="bottom-start"
      keepMounted={false}
      width={264}
      onOptionSubmit={(chosen) => {
        onChange(chosen === value ? undefined : chosen);
        combobox.closeDropdown();
      }}
    >
      <Combobox.Target withAriaAttributes={false}>
        <div className={styles["pill"]} data-active={value !== undefined || undefined}>
          <button
            type="button"
            aria-haspopup="listbox"
            aria-expanded={combobox.dropdownOpened}
            onClick={() => combobox.toggleDropdown()}
          >
            {label}
            {value === undefined ? <IconChevronDown size={14} stroke={1.6} aria-hidden /> : <b>{value}</b>}
          </button>
          {value !== undefined && (
            <button type="button" className={styles["clear"]} aria-label={`Clear ${label}`} onClick={() => onChange(undefined)}>
              <IconX size={13} stroke={2} />
            </button>
          )}
        </div>
      </Combobox.Target>
      <Combobox.Dropdown p={5}>
        {options.length > 8 && (
          <Combobox.Search value={search} onChange={(event) => setSearch(event.currentTarget.value)} placeholder={`Find a ${label.toLowerCase()}`} aria-label={`Find a ${label.toLowerCase()}`} />
        )}
        <Combobox.Options className={styles["options"] ?? ""} aria-label={label}>
          {shown.map((option) => (
            <Combobox.Option key={option.value} value={option.value} className={styles["option"] ?? ""} active={option.value === value}>
              <i style={{ width: `${(100 * option.traces) / most}%` }} />
              <span>{option.value}</span>
              <small>{formatCompact(option.traces)}</small>
            </Combobox.Option>
          ))}
          {shown.length === 0 && (
            <Combobox.Empty>{options.length === 0 ? "None in this range of time" : "Nothing like that"}</Combobox.Empty>
          )}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
