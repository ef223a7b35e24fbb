import { useQueries } from "@tanstack/react-query";
import { type KeyboardEvent, type RefObject, useId, useMemo, useState } from "react";
import { columnsQuery } from "../../api/queries";
import { type Completion, completions, isTablePlace, tablesIn, wordBefore, written } from "../../lib/sqlComplete";
import { TABLES } from "./Schema";
import styles from "./SqlPage.module.css";

interface Props {
  field: RefObject<HTMLTextAreaElement | null>;
  text: string;
  onChange: (text: string) => void;
  onRun: () => void;
}

const NAMES = TABLES.map((table) => table.name);

/** The statement, with what its words may become: columns of the tables that it names, functions, keywords. */
export function Editor({ field, text, onChange, onRun }: Props) {
  const id = useId();
  /** Where the word that is being written begins, and its end. */
  const [word, setWord] = useState<{ from: number; to: number }>();
  const [at, setAt] = useState(0);
  const named = useMemo(() => tablesIn(text, NAMES), [text]);
  const wanted = named.length > 0 ? named : ["spans"];
  const columns = useQueries({ queries: wanted.map((table) => ({ ...columnsQuery(table), enabled: word !== undefined })), combine: (all) => all.flatMap((each) => each.data ?? []) });
  const options = useMemo(() => {
    if (!word) return [];
    const isTable = isTablePlace(text.slice(0, word.from));
    return completions(text.slice(word.from, word.to), NAMES, isTable ? undefined : columns);
  }, [word, text, columns]);
  const open = options.length > 0;

  const look = (of: HTMLTextAreaElement): void => {
    const to = of.selectionStart;
    const from = to === of.selectionEnd ? wordBefore(of.value, to) : undefined;
    setWord(from === undefined ? undefined : { from, to });
    setAt(0);
  };
  const take = (option: Completion | undefined): void => {
    const of = field.current;
    if (!of || !word || !option) return;
    of.focus();
    of.setRangeText(written(option), word.from, word.to, "end");
    onChange(of.value);
    setWord(undefined);
  };
  const press = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    const runs = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (runs) {
      setWord(undefined);
      onRun();
    } else if (open && event.key === "Tab" && !event.shiftKey) take(options[at]);
    else if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) setAt((at + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length);
    else if (open && event.key === "Enter" && at > 0) take(options[at]);
    else if (open && event.key === "Escape") setWord(undefined);
    else if (event.key === "Escape") event.currentTarget.blur();
    else return;
    event.preventDefault();
  };
  return (
    <>
      <textarea
        ref={field}
        value={text}
        aria-label="Statement"
        aria-autocomplete="list"
        aria-controls={open ? id : undefined}
        aria-activedescendant={open ? `${id}-${at}` : undefined}
        placeholder="SELECT service, count() FROM spans GROUP BY service"
        spellCheck={false}
        autoCapitalize="off"
        rows={Math.min(16, Math.max(6, text.split("\n").length + 1))}
        onChange={(event) => {
          onChange(event.currentTarget.value);
          look(event.currentTarget);
        }}
        onBlur={() => setWord(undefined)}
        onClick={() => setWord(undefined)}
        onKeyDown={press}
      />
      {open && (
        <ul id={id} role="listbox" aria-label="What it may become" className={styles["options"]}>
          {options.map((option, index) => (
            // The field keeps the focus.
            <li key={option.name} id={`${id}-${index}`} role="option" aria-selected={index === at} onMouseDown={(event) => event.preventDefault()} onClick={() => take(option)}>
              <code>{option.name}</code> <small>{option.kind}</small>
            </li>
          ))}
          <li role="presentation"><small>Tab takes it, ↑ ↓ choose, Esc closes</small></li>
        </ul>
      )}
    </>
  );
}
