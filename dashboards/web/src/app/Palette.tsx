import { Modal, useMantineColorScheme } from "@mantine/core";
import { IconArrowRight, IconClock, IconFilter, IconKeyboard, IconPalette, IconRoute, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouterState } from "@tanstack/react-router";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { facetsQuery, tracesByIdQuery } from "../api/queries";
import { quote } from "../lib/query";
import { PRESETS } from "../lib/time";
import { LETTERS } from "./goto";
import styles from "./Palette.module.css";

interface Props {
  pages: readonly { to: string; label: string }[];
  onClose: () => void;
  onHelp: () => void;
}

interface Command {
  label: string;
  group: string;
  icon: ReactNode;
  /** Shown beside it: a letter, a count. */
  hint?: string;
  run: () => void;
}

/** Commands that are listed at most. */
const MOST = 40;
/** Pages that have a range of time. */
const RANGED = new Set(["/overview", "/traces", "/cost"]);
const SCHEMES = [["light", "Light"], ["dark", "Dark"], ["auto", "As the system"]] as const;

/** Everything that can be done from anywhere, found by typing some of its name. */
export function Palette({ pages, onClose, onHelp }: Props) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const { setColorScheme } = useMantineColorScheme();
  const facets = useQuery(facetsQuery({ range: "7d" }));
  const typed = text.trim();
  const digits = /^[0-9a-f]{6,32}$/i.test(typed) ? typed.toLowerCase() : "";
  const traces = useQuery({ ...tracesByIdQuery(digits), enabled: digits !== "" && digits.length < 32 });
  const list = useRef<HTMLUListElement>(null);

  const commands = useMemo(() => {
    const size = { size: 17, stroke: 1.6 };
    const toTraces = (q: string) => (): void => void navigate({ to: "/traces", search: { q } });
    const found: Command[] = [];
    const ids = digits.length === 32 ? [{ trace_id: digits, root_name: "" }] : (traces.data ?? []);
    for (const { trace_id: id, root_name: name } of digits ? ids : []) {
      found.push({ label: `Open trace ${id}`, group: "Trace", icon: <IconRoute {...size} />, hint: name, run: () => void navigate({ to: "/traces/$traceId", params: { traceId: id } }) });
    }
    for (const { to, label } of pages) found.push({ label: `Go to ${label}`, group: "Pages", icon: <IconArrowRight {...size} />, hint: LETTERS[to] ? `G ${LETTERS[to].toUpperCase()}` : "", run: () => void navigate({ to }) });
    for (const field of ["service", "model", "feature"] as const) {
      for (const { value, traces: count } of facets.data?.[field] ?? []) {
        found.push({ label: `Traces of ${field} ${value}`, group: "Filters", icon: <IconFilter {...size} />, hint: count.toLocaleString("en-US"), run: toTraces(`${field}:${quote(value)}`) });
      }
    }
    found.push({ label: "Traces with errors", group: "Filters", icon: <IconFilter {...size} />, run: toTraces("status:error") });
    for (const preset of PRESETS) {
      const to = RANGED.has(path) ? path : "/traces";
      found.push({ label: `Show the last ${preset.label}`, group: "Range of time", icon: <IconClock {...size} />, run: () => void navigate({ to, search: (before: object) => ({ ...(to === path ? before : {}), range: preset.key, from: undefined, to: undefined }) }) });
    }
    for (const [scheme, label] of SCHEMES) found.push({ label: `Theme: ${label}`, group: "Look", icon: <IconPalette {...size} />, run: () => setColorScheme(scheme) });
    found.push({ label: "Keyboard shortcuts", group: "Help", icon: <IconKeyboard {...size} />, hint: "?", run: onHelp });
    const words = typed.toLowerCase().split(/\s+/);
    const fitting = found.filter(({ label, group }) => group === "Trace" || words.every((word) => label.toLowerCase().includes(word)));
    if (typed && !digits) fitting.push({ label: `Search traces for ${typed}`, group: "Search", icon: <IconSearch {...size} />, run: toTraces(typed) });
    return fitting.slice(0, MOST);
  }, [typed, digits, traces.data, pages, facets.data, path, navigate, setColorScheme, onHelp]);

  const current = Math.min(chosen, commands.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [current]);
  const run = (command: Command | undefined): void => {
    if (!command) return;
    onClose();
    command.run();
  };
  const move = (by: number): void => setChosen((current + by + commands.length) % Math.max(1, commands.length));
  return (
    <Modal opened onClose={onClose} withCloseButton={false} size={620} padding={0} yOffset="12vh" aria-label="Commands" transitionProps={{ duration: 0 }}>
      <input
        data-autofocus
        className={styles["input"]}
        role="combobox"
        aria-label="Find a command, a page or a trace"
        aria-expanded
        aria-controls="commands"
        aria-autocomplete="list"
        aria-activedescendant={commands.length > 0 ? `command-${current}` : undefined}
        placeholder="Go to a page, open a trace by its id, filter by a service or model …"
        value={text}
        maxLength={500}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") move(1);
          else if (event.key === "ArrowUp") move(-1);
          else if (event.key === "Enter") run(commands[current]);
          else return;
          event.preventDefault();
        }}
      />
      <ul ref={list} id="commands" className={styles["list"]} role="listbox" aria-label="Commands">
        {commands.map((command, index) => (
          <li
            key={`${command.group} ${command.label}`}
            id={`command-${index}`}
            role="option"
            aria-selected={index === current}
            onMouseMove={() => setChosen(index)}
            onClick={() => run(command)}
          >
            {command.icon}
            <span>{command.label}</span>
            <small>{command.hint}</small>
            <em>{command.group}</em>
          </li>
        ))}
        {commands.length === 0 && <li className={styles["nothing"]} role="option" aria-selected={false} aria-disabled>{traces.isFetching ? "Looking for traces …" : "No trace of the last 90 days begins so"}</li>}
      </ul>
    </Modal>
  );
}
