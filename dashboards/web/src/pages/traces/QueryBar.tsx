import { Combobox, TextInput, useCombobox } from "@mantine/core";
import { IconSearch, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type RefObject, useEffect, useRef, useState } from "react";
import type { QueryOption, Understood } from "../../api/client";
import { completionQuery } from "../../api/queries";
import { formatCompact } from "../../lib/format";
import type { TimeRange } from "../../lib/time";
import filters from "../../components/Filters.module.css";
import styles from "./QueryBar.module.css";

interface Props {
  /** The query as the address has it. */
  query: string;
  range: TimeRange;
  input: RefObject<HTMLInputElement | null>;
  onSettled: (query: string) => void;
}

/** Milliseconds after the last letter until the service is asked what it means. */
const PAUSE = 180;

/**
 * One line for everything that a list can be narrowed by. The list follows while somebody types, but
 * for a word that may become a field's name or another value: Enter settles that.
 */
export function QueryBar({ query, range, input, onSettled }: Props) {
  const [text, setText] = useState(query);
  const [known, setKnown] = useState(query);
  const [asked, setAsked] = useState({ text: query, at: query.length });
  const [focused, setFocused] = useState(false);
  const caret = useRef<number>(undefined);
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  if (known !== query) {
    setKnown(query);
    // What was typed meanwhile stays; a link, a button or "back" takes its place.
    if (query !== text.trim()) setText(query);
  }
  useEffect(() => {
    const at = caret.current ?? text.length;
    const timer = setTimeout(() => setAsked({ text, at }), PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  const { data } = useQuery({ ...completionQuery(asked.text, asked.at, range), enabled: focused });
  const current = data?.query === text ? data : undefined;
  const options = current?.completion?.options ?? [];

  const wanted = text.trim();
  useEffect(() => {
    if (focused && wanted !== query && current && !current.problem && !isUnfinished(current)) onSettled(wanted);
  }, [focused, wanted, query, current, onSettled]);
  // After a completion, the caret goes behind it.
  useEffect(() => {
    if (caret.current !== undefined) input.current?.setSelectionRange(caret.current, caret.current);
    caret.current = undefined;
  }, [text, input]);

  const write = (next: string, at?: number): void => {
    caret.current = at;
    setText(next);
  };
  const settle = (next: string): void => {
    setText(next);
    combobox.closeDropdown();
    if (next.trim() !== query) onSettled(next.trim());
  };
  const accept = (insert: string): void => {
    const place = current?.completion;
    if (!place) return;
    const isName = insert.endsWith(":") || insert.endsWith(".");
    const rest = text.slice(place.end).trimStart();
    const next = `${text.slice(0, place.start)}${insert}${isName ? "" : " "}`;
    write(next + rest, next.length);
    setAsked({ text: next + rest, at: next.length });
    if (!isName) combobox.closeDropdown();
    input.current?.focus();
  };
  const problem = wanted !== "" ? current?.problem : undefined;
  return (
    <div className={styles["place"]}>
      <Combobox store={combobox} position="bottom-start" width="target" onOptionSubmit={accept} keepMounted={false}>
        <Combobox.Target>
          <TextInput
            ref={input}
            aria-label="Search traces"
            aria-invalid={problem ? true : undefined}
            aria-describedby={problem ? "query-problem" : undefined}
            aria-autocomplete="list"
            role="combobox"
            placeholder='model:gpt-4o latency:>2s "refund"'
            value={text}
            maxLength={1000}
            spellCheck={false}
            autoCapitalize="off"
            classNames={{ input: styles["input"] ?? "" }}
            leftSection={<IconSearch size={16} stroke={1.6} />}
            rightSection={text ? (
              <button type="button" className={filters["clear"]} aria-label="Clear the search" onClick={() => settle("")}>
                <IconX size={14} stroke={2} />
              </button>
            ) : <kbd className={filters["hint"]}>/</kbd>}
            onFocus={() => setFocused(true)}
            onClick={(event) => {
              setAsked({ text, at: event.currentTarget.selectionStart ?? text.length });
              combobox.openDropdown();
            }}
            onBlur={() => {
              setFocused(false);
              settle(text);
            }}
            onChange={(event) => {
              write(event.currentTarget.value, event.currentTarget.selectionStart ?? undefined);
              combobox.openDropdown();
              combobox.resetSelectedOption();
            }}
            onKeyDown={(event) => {
              const first = options[0];
              if (event.key === "Enter" && combobox.getSelectedOptionIndex() < 0) settle(text);
              if (event.key === "Escape") {
                if (combobox.dropdownOpened && options.length > 0) combobox.closeDropdown();
                else event.currentTarget.blur();
              }
              if (event.key === "Tab" && !event.shiftKey && combobox.dropdownOpened && wanted !== "" && first && current && isUnfinished(current)) {
                event.preventDefault();
                accept((options[combobox.getSelectedOptionIndex()] ?? first).insert);
              }
            }}
          />
        </Combobox.Target>
        {options.length > 0 && (
          <Combobox.Dropdown p={5} className={styles["dropdown"] ?? ""}>
            {problem && <ProblemLine text={text} problem={problem} />}
            <Combobox.Options aria-label="What could be written here">
              {options.map((option) => <Choice key={option.insert} option={option} />)}
            </Combobox.Options>
          </Combobox.Dropdown>
        )}
      </Combobox>
      {problem && !(combobox.dropdownOpened && options.length > 0) && <ProblemLine text={text} problem={problem} />}
    </div>
  );
}

function Choice({ option }: { option: QueryOption }) {
  return (
    <Combobox.Option value={option.insert} className={styles["option"] ?? ""} onMouseDown={(event) => event.preventDefault()}>
      <code>{option.insert}</code>
      <span>{option.about}</span>
      {option.count !== null && <small>{formatCompact(option.count)}</small>}
    </Combobox.Option>
  );
}

/** Where the text is wrong, marked, and what was expected there. */
export function ProblemLine({ text, problem }: { text: string; problem: NonNullable<Understood["problem"]> }) {
  const { at, length, reason } = problem;
  return (
    <p id="query-problem" className={styles["problem"]} role="status">
      <code aria-hidden>{at > 24 && "…"}{text.slice(Math.max(0, at - 24), at)}<mark>{text.slice(at, at + length) || " "}</mark></code>
      {reason.slice(0, 1).toUpperCase() + reason.slice(1)}
    </p>
  );
}

/** Whether what stands at the caret is likely to be the beginning of something else. */
function isUnfinished({ query, completion }: Understood): boolean {
  if (!completion) return false;
  const { start, end, options } = completion;
  const typed = query.slice(start, end);
  if (typed === "" || options.some(({ insert }) => insert === typed)) return false;
  return options.some(({ insert, count }) => count !== null || insert.endsWith(":") || insert.endsWith("."));
}
