import { ActionIcon, TextInput, Tooltip } from "@mantine/core";
import { IconRefresh, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type RefObject, type SubmitEvent, useState } from "react";
import { facetsQuery } from "../../api/queries";
import { PageBar } from "../../app/Shell";
import { Chosen } from "../../components/Chosen";
import { FacetFilter } from "../../components/FacetFilter";
import filters from "../../components/Filters.module.css";
import page from "../../components/Page.module.css";
import { TimeRangePicker } from "../../components/TimeRangePicker";
import { type ActivitySearch, rangeOf } from "../../lib/search";
import type { TimeRange } from "../../lib/time";
import styles from "./Conversations.module.css";

interface Props {
  /** Which of the two lists is shown. */
  of: "conversations" | "users";
  search: ActivitySearch;
  range: TimeRange;
  input: RefObject<HTMLInputElement | null>;
  onChange: (changed: Partial<ActivitySearch>) => void;
  onRefresh: () => void;
}

const FEEDBACK = [{ value: undefined, label: "Any feedback" }, { value: "up", label: "Liked" }, { value: "down", label: "Disliked" }] as const;

/** What both lists are steered by. */
export function ActivityFilters({ of, search, range, input, onChange, onRefresh }: Props) {
  const facets = useQuery(facetsQuery(range));
  const [text, setText] = useState(search.q ?? "");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    onChange({ q: text.trim() || undefined });
  };
  return (
    <>
      <PageBar title={<h1>{of === "users" ? "Users" : "Conversations"}</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={onRefresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
        <TimeRangePicker range={range} onChange={(next) => onChange({ range: next.range, from: next.from, to: next.to })} />
      </PageBar>
      <div className={styles["steer"]}>
        <div className={page["filters"]} role="search" aria-label="What is shown">
          <nav className={`${filters["segments"] ?? ""} ${styles["tabs"] ?? ""}`} aria-label="By">
            <Link to="/conversations" search={rangeOf(search)} aria-current={of === "conversations" ? "page" : undefined}>Conversations</Link>
            <Link to="/users" search={rangeOf(search)} aria-current={of === "users" ? "page" : undefined}>Users</Link>
          </nav>
          <form onSubmit={submit} className={styles["query"]}>
            <TextInput ref={input} value={text} onChange={(event) => setText(event.currentTarget.value)} placeholder="With a trace: latency:>5s “refund”" aria-label="With a trace that fits this query" leftSection={<IconSearch size={15} stroke={1.6} />} rightSection={<kbd className={filters["hint"]}>/</kbd>} />
          </form>
          <div className={filters["segments"]} role="group" aria-label="Feedback">
            {FEEDBACK.map((each) => (
              <button key={each.label} type="button" aria-pressed={search.feedback === each.value} onClick={() => onChange({ feedback: each.value })}>{each.label}</button>
            ))}
          </div>
          <button type="button" className={styles["failed"]} aria-pressed={search.status === "error"} onClick={() => onChange({ status: search.status === "error" ? undefined : "error" })}>With errors</button>
          <FacetFilter label="Service" value={search.service} options={facets.data?.service ?? []} onChange={(service) => onChange({ service })} />
          <FacetFilter label="Model" value={search.model} options={facets.data?.model ?? []} onChange={(model) => onChange({ model })} />
          <FacetFilter label="Feature" value={search.feature} options={facets.data?.feature ?? []} onChange={(feature) => onChange({ feature })} />
          {search.user !== undefined && <Chosen label="User" value={search.user} onClear={() => onChange({ user: undefined })} />}
        </div>
      </div>
    </>
  );
}

/** Whether anything narrows a list, beside its range. */
export function narrows({ q, service, environment, model, feature, user, status, feedback }: ActivitySearch): boolean {
  return [q, service, environment, model, feature, user, status, feedback].some((each) => each !== undefined);
}
