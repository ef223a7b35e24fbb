import { Button } from "@mantine/core";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { DatasetItem } from "../../api/client";
import { datasetItemsQuery, type DatasetKey, queryClient, removeItem } from "../../api/queries";
import { JsonView } from "../../components/JsonView";
import { MoreButton } from "../../components/MoreButton";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import type { Json } from "../../lib/json";
import named from "../../components/NamedRows.module.css";
import styles from "./Datasets.module.css";
import { wordsOf } from "./words";

/** Characters of a cell. */
const SHOWN = 300;

interface Props {
  asked: DatasetKey;
  version: number;
  split: string;
  latest: number;
}

/** The examples of a version; one opens to all that is known of it. */
export function Items({ asked, version, split, latest }: Props) {
  const items = useInfiniteQuery(datasetItemsQuery(asked, version, split));
  const [open, setOpen] = useState<string>();
  const removing = useMutation({
    mutationFn: (id: string) => removeItem(asked, id, latest),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["dataset", asked.project, asked.name] }),
  });
  const rows = items.data?.pages.flatMap((each) => each.items) ?? [];
  return (
    <section className={panel["panel"]} aria-label="Items">
      <h2>{version === latest ? "Items" : `Items of version ${version}`}</h2>
      {removing.isError && <p role="alert" className={named["refused"]}>{removing.error.message}</p>}
      {items.isError && <Problem error={items.error} retry={() => void items.refetch()} />}
      {items.isPending && <p className={panel["note"]} role="status">Loading…</p>}
      {items.data && rows.length === 0 && <p className={panel["note"]} role="status">There are no items here.</p>}
      {rows.length > 0 && (
        <ul className={styles["items"]}>
          {rows.map((each) => (
            <li key={each.id}>
              <button type="button" aria-expanded={open === each.id} onClick={() => setOpen(open === each.id ? undefined : each.id)}>
                <span className={styles["input"]} dir="auto">{short(each.input)}</span>
                <span className={styles["expected"]} dir="auto">{each.expected === null ? <i>nothing expected</i> : short(each.expected)}</span>
                {each.split && <span className={styles["label"]}>{each.split}</span>}
              </button>
              {open === each.id && (
                <Whole item={each}>
                  {version === latest && <Button size="compact-xs" variant="default" loading={removing.isPending} onClick={() => removing.mutate(each.id)}>Remove</Button>}
                </Whole>
              )}
            </li>
          ))}
        </ul>
      )}
      {items.hasNextPage && <MoreButton onClick={() => void items.fetchNextPage()}>Show more</MoreButton>}
    </section>
  );
}

function Whole({ item, children }: { item: DatasetItem; children: React.ReactNode }) {
  return (
    <div className={styles["item"]}>
      <JsonView value={{ input: item.input, expected: item.expected, metadata: item.metadata } as Json} />
      <div>
        <code>{item.id}</code>
        {item.trace_id && <Link to="/traces/$traceId" params={{ traceId: item.trace_id }} search={item.span_id ? { span: item.span_id } : {}}>Its trace</Link>}
        {children}
      </div>
    </div>
  );
}

function short(value: unknown): string {
  const words = wordsOf(value);
  return words.length > SHOWN ? `${words.slice(0, SHOWN)}…` : words;
}
