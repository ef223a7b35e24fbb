import { ActionIcon, Button, TextInput, Tooltip } from "@mantine/core";
import { IconLayoutDashboard, IconRefresh } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type SubmitEvent, useEffect, useState } from "react";
import { queryClient, saveView, viewsQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { Copy } from "../../components/Copy";
import filters from "../../components/Filters.module.css";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { readBoardSearch } from "../../lib/search";
import { Board } from "./Board";
import styles from "./Dashboards.module.css";

const route = getRouteApi("/dashboards");
const PAGE = "/dashboards";

/** Dashboards made of saved queries, for everybody of the project. */
export function DashboardsPage() {
  const { board } = readBoardSearch({ ...route.useSearch() });
  const navigate = useNavigate();
  const boards = useQuery(viewsQuery(PAGE));
  const current = boards.data?.find(({ id }) => id === board) ?? (board === undefined ? boards.data?.[0] : undefined);
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ["sql"] });
  const step = (by: 1 | -1): void => {
    const list = boards.data ?? [];
    const next = list[list.findIndex(({ id }) => id === current?.id) + by];
    if (next) void navigate({ to: PAGE, search: { board: next.id } });
  };
  useKeys({ r: refresh, j: () => step(1), k: () => step(-1) });
  useEffect(() => {
    document.title = "Dashboards · Spanglass";
  }, []);
  return (
    <>
      <PageBar title={<h1>Dashboards</h1>}>
        {current && <Copy value={() => `${location.origin}${PAGE}?board=${current.id}`} label="Copy a link to this dashboard" size={16} />}
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}>
        {boards.isError && !boards.data ? (
          <Problem error={boards.error} retry={() => void boards.refetch()} />
        ) : !boards.data ? (
          <i className={page["waiting"]} role="status" aria-label="Loading the dashboards" />
        ) : (
          <>
            <div className={`${page["filters"] ?? ""} ${styles["top"] ?? ""}`}>
              {boards.data.length > 0 && (
                <nav className={filters["segments"]} aria-label="Dashboards">
                  {boards.data.map(({ id, name }) => <Link key={id} to={PAGE} search={{ board: id }} aria-current={id === current?.id ? "page" : undefined} dir="auto">{name}</Link>)}
                </nav>
              )}
              <NewBoard />
            </div>
            {current ? (
              <Board key={current.id} board={current} />
            ) : board ? (
              <State icon={<IconLayoutDashboard />} title="There is no such dashboard" action={<Button renderRoot={(props) => <Link {...props} to={PAGE} />}>See those that there are</Button>}>It may have been deleted, or belong to another project.</State>
            ) : (
              <State icon={<IconLayoutDashboard />} title="There are no dashboards yet" action={<Button renderRoot={(props) => <Link {...props} to="/sql" />}>Write a query</Button>}>
                A dashboard shows saved queries side by side. Write one in SQL and save it under a name; then name a dashboard above, and add the query to it.
              </State>
            )}
          </>
        )}
      </div>
    </>
  );
}

function NewBoard() {
  const [name, setName] = useState("");
  const navigate = useNavigate();
  const make = useMutation({
    mutationFn: () => saveView(PAGE, name.trim(), ""),
    onSuccess: async (made) => {
      setName("");
      await queryClient.invalidateQueries({ queryKey: viewsQuery(PAGE).queryKey });
      await navigate({ to: PAGE, search: { board: made.id } });
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (name.trim()) make.mutate();
  };
  return (
    <form className={styles["new"]} onSubmit={submit}>
      <TextInput size="xs" aria-label="Name of a new dashboard" placeholder="New dashboard" value={name} maxLength={100} onChange={(event) => setName(event.currentTarget.value)} />
      <Button size="xs" type="submit" variant="default" disabled={!name.trim()} loading={make.isPending}>Create</Button>
      {make.isError && <span role="alert">{make.error.message}</span>}
    </form>
  );
}
