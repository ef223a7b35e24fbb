import { Button, Popover, TextInput } from "@mantine/core";
import { IconBookmark, IconX } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";
import { deleteView, queryClient, saveView, viewsQuery } from "../api/queries";
import { parseSearch, stringifySearch } from "../lib/search";
import filters from "./Filters.module.css";
import styles from "./ViewsMenu.module.css";

interface Props<S extends object> {
  page: "/traces" | "/sql";
  /** What the address says that is to be kept. */
  search: S;
  read: (raw: Record<string, string>) => S;
  label: string;
  /** Above what is saved, for whoever can't see it. */
  title: string;
  /** What is saved, in a word: "view". */
  thing: string;
  /** What that is, for whoever has none. */
  about: string;
}

/** Characters that the service keeps of an address. */
const LONGEST = 4_000;

/** What somebody saved of a page, for everybody of the project. */
export function ViewsMenu<S extends object>({ page, search, read, label, title, thing, about }: Props<S>) {
  const [opened, setOpened] = useState(false);
  const [name, setName] = useState("");
  const views = useQuery({ ...viewsQuery(page), enabled: opened });
  const again = (): Promise<void> => queryClient.invalidateQueries({ queryKey: viewsQuery(page).queryKey });
  const save = useMutation({
    mutationFn: () => {
      const kept = stringifySearch({ ...search } as Record<string, unknown>).slice(1);
      if (kept.length > LONGEST) throw new Error(`This ${thing} is too long to be saved: its address has ${kept.length} characters, ${LONGEST} at most are kept.`);
      return saveView(page, name.trim(), kept);
    },
    onSuccess: () => {
      setName("");
      return again();
    },
  });
  const remove = useMutation({ mutationFn: deleteView, onSettled: again });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (name.trim()) save.mutate();
  };
  const failed = save.error ?? remove.error ?? views.error;
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus returnFocus withRoles={false}>
      <Popover.Target>
        <div className={filters["pill"]}>
          <button type="button" aria-haspopup="dialog" aria-expanded={opened} onClick={() => setOpened(!opened)}>
            <IconBookmark size={15} stroke={1.6} aria-hidden />
            {label}
          </button>
        </div>
      </Popover.Target>
      <Popover.Dropdown p={10} w={300} role="dialog" aria-label={title}>
        {opened && (
          <>
            {views.data?.length === 0 && <p className={styles["nothing"]}>None yet. {about}</p>}
            <ul className={styles["list"]}>
              {views.data?.map((view) => (
                <li key={view.id}>
                  <Link to={page} search={read(parseSearch(view.search))} onClick={() => setOpened(false)} title={view.search}>{view.name}</Link>
                  <button type="button" className={filters["clear"]} aria-label={`Delete ${view.name}`} onClick={() => remove.mutate(view.id)}><IconX size={14} stroke={2} /></button>
                </li>
              ))}
            </ul>
            <form className={styles["form"]} onSubmit={submit}>
              <TextInput size="xs" aria-label={`Name of this ${thing}`} placeholder={`Name of this ${thing}`} value={name} maxLength={100} onChange={(event) => setName(event.currentTarget.value)} />
              <Button size="xs" type="submit" disabled={!name.trim()} loading={save.isPending}>Save</Button>
            </form>
            {failed && <p className={styles["failed"]} role="alert">{failed.message}</p>}
          </>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}
