import { Button } from "@mantine/core";
import { IconUsers } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { usersQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { MoreButton } from "../../components/MoreButton";
import page from "../../components/Page.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { type ActivitySearch, rangeOf, readActivitySearch } from "../../lib/search";
import { describeRange } from "../../lib/time";
import { ActivityFilters, narrows } from "./ActivityFilters";
import { ActivityTable } from "./ActivityTable";

const route = getRouteApi("/users");

export function UsersPage() {
  const said = route.useSearch();
  const search = useMemo(() => readActivitySearch(said as Record<string, unknown>), [said]);
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const range = useMemo(() => rangeOf(search), [search]);
  const list = useInfiniteQuery(useMemo(() => usersQuery(search, range), [search, range]));
  const rows = list.data?.pages.flatMap((each) => each.items) ?? [];
  useEffect(() => {
    document.title = "Users · Spanglass";
  }, []);
  const change = useCallback(
    (changed: Partial<ActivitySearch>) => void navigate({ to: "/users", search: (before) => ({ ...readActivitySearch(before), ...changed }) }),
    [navigate],
  );
  const refresh = (): void => void list.refetch();
  useKeys({ r: refresh, "/": () => input.current?.focus(), Escape: () => input.current?.blur() });
  const sort = search.sort ?? "last";
  return (
    <>
      <ActivityFilters of="users" search={search} range={range} input={input} onChange={change} onRefresh={refresh} />
      <div className={page["page"]}>
        {list.isError && !list.data ? (
          <Problem error={list.error} retry={refresh} action={search.q !== undefined && <Button variant="default" onClick={() => change({ q: undefined })}>Clear the query</Button>} />
        ) : !list.data ? (
          <i className={page["waiting"]} role="status" aria-label="Loading the users" />
        ) : rows.length === 0 ? (
          <State
            icon={<IconUsers />}
            title="No user in this range of time"
            action={<>
              {narrows(search) && <Button onClick={() => void navigate({ to: "/users", search: range })}>Clear the filters</Button>}
              <Button variant={narrows(search) ? "default" : "filled"} onClick={() => change({ range: "90d", from: undefined, to: undefined })}>Look at the last 90 days</Button>
            </>}
          >
            {describeRange(range)}{narrows(search) ? ", with what is set above." : "."} Traces say whose they are with <code>with spanglass.context(user_id="…"):</code>, or the attribute <code>user.id</code> of OpenTelemetry.
          </State>
        ) : (
          <div className={page["content"]}>
            {list.isError && <p role="alert" className={page["broken"]}>Not up to date: {list.error.message}</p>}
            <ActivityTable
              label="Users"
              of="users"
              rows={rows}
              sort={sort}
              ascending={search.order === "asc"}
              stale={list.isPlaceholderData}
              onSort={(next) => change({ sort: next === "last" ? undefined : next, order: next === sort && search.order !== "asc" ? "asc" : undefined })}
              name={(row) => <Link to="/conversations" search={{ ...range, user: row.user_id }} dir="auto">{row.user_id}</Link>}
            />
            {list.hasNextPage && <MoreButton onClick={() => void list.fetchNextPage()}>Show more</MoreButton>}
          </div>
        )}
      </div>
    </>
  );
}
