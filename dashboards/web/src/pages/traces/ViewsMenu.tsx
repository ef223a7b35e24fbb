import { Button, Popover, TextInput } from "@mantine/core";
import { IconBookmark, IconX } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";
import { deleteView, queryClient, saveView, viewsQuery } from "../../api/queries";
import { parseSearch, readTraceSearch, stringifySearch, type TraceSearch } from "../../lib/search";
import filters from "../../components/Filters.module.css";
import styles from "./ViewsMenu.module.css";

const PAGE = "/traces";

/** Views that somebody saved, for everybody of the project. */
export function ViewsMenu({ search }: { search: TraceSearch }) {
  const [opened, setOpened] = useState(false);
  const [name, setName] = useState("");
  const views = useQuery({ ...viewsQuery(PAGE), enabled: opened });
  const again = (): Promise<void> => queryClient.invalidateQueries({ queryKey: viewsQuery(PAGE).queryKey });
  const save = useMutation({
    mutationFn: () => saveView(PAGE, name.trim(), stringifySearch({ ...search, peek: undefined, live: undefined }).slice(1)),
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
            Views
          </button>
        </div>
      </Popover.Target>
      <Popover.Dropdown p={10} w={300} role="dialog" aria-label="Saved views">
        {opened && (
          <>
            {views.data?.length === 0 && <p className={styles["nothing"]}>None yet. A view is this page with its query, range and order; everybody of the project sees it.</p>}
            <ul className={styles["list"]}>
              {views.data?.map((view) => (
                <li key={view.id}>
                  <Link to={PAGE} search={readTraceSearch(parseSearch(view.search))} onClick={() => setOpened(false)} title={view.search}>{view.name}</Link>
                  <button type="button" className={filters["clear"]} aria-label={`Delete ${view.name}`} onClick={() => remove.mutate(view.id)}><IconX size={14} stroke={2} /></button>
                </li>
              ))}
            </ul>
            <form className={styles["form"]} onSubmit={submit}>
              <TextInput size="xs" aria-label="Name of this view" placeholder="Name of this view" value={name} maxLength={100} onChange={(event) => setName(event.currentTarget.value)} />
              <Button size="xs" type="submit" disabled={!name.trim()} loading={save.isPending}>Save</Button>
            </form>
            {failed && <p className={styles["failed"]} role="alert">{failed.message}</p>}
          </>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}
