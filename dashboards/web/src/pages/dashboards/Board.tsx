import { Button } from "@mantine/core";
import { IconChartBar } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { changeView, deleteView, queryClient, type SavedView, viewsQuery } from "../../api/queries";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { moved, MOST_TILES, tilesOf, withTiles } from "../../lib/board";
import { Tile } from "./Tile";
import styles from "./Dashboards.module.css";

const PAGE = "/dashboards";

/** One dashboard: its saved queries in order, and what changes it. */
export function Board({ board }: { board: SavedView }) {
  const navigate = useNavigate();
  const queries = useQuery(viewsQuery("/sql"));
  const again = (): Promise<void> => queryClient.invalidateQueries({ queryKey: viewsQuery(PAGE).queryKey });
  const change = useMutation({ mutationFn: (ids: readonly string[]) => changeView(board.id, board.name, withTiles(ids)), onSettled: again });
  const remove = useMutation({
    mutationFn: () => deleteView(board.id),
    onSuccess: () => navigate({ to: PAGE, search: {}, replace: true }),
    onSettled: again,
  });
  if (queries.isError && !queries.data) return <Problem error={queries.error} retry={() => void queries.refetch()} />;
  if (!queries.data) return <i className={page["waiting"]} role="status" aria-label="Loading the saved queries" />;
  const known = new Map(queries.data.map((query) => [query.id, query]));
  const ids = tilesOf(board.search);
  // A query that was deleted leaves its place.
  const tiles = ids.flatMap((id) => known.get(id) ?? []);
  const left = queries.data.filter(({ id }) => !ids.includes(id));
  const failed = change.error ?? remove.error;
  return (
    <>
      <div className={styles["tools"]}>
        {left.length > 0 && ids.length < MOST_TILES && (
          <select aria-label="Add a saved query" value="" disabled={change.isPending} onChange={(event) => change.mutate([...tiles.map(({ id }) => id), event.currentTarget.value])}>
            <option value="" disabled>Add a saved query …</option>
            {left.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
          </select>
        )}
        <Button size="xs" variant="subtle" color="gray" onClick={() => remove.mutate()} loading={remove.isPending}>Delete {board.name}</Button>
        {failed && <span role="alert">{failed.message}</span>}
      </div>
      {tiles.length === 0 ? (
        <State icon={<IconChartBar />} title="This dashboard is empty" action={<Button variant={left.length > 0 ? "default" : "filled"} renderRoot={(props) => <Link {...props} to="/sql" />}>Write a query</Button>}>
          {left.length > 0 ? "Add a saved query above." : "No query is saved yet. Write one in SQL, and save it under a name; then it can be added here."}
        </State>
      ) : (
        <div className={styles["tiles"]}>
          {tiles.map((query, place) => (
            <Tile
              key={query.id}
              query={query}
              first={place === 0}
              last={place === tiles.length - 1}
              onMove={(by) => change.mutate(moved(tiles.map(({ id }) => id), query.id, by))}
              onRemove={() => change.mutate(tiles.flatMap(({ id }) => (id === query.id ? [] : id)))}
            />
          ))}
        </div>
      )}
    </>
  );
}
