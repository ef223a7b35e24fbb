import { ActionIcon, Tooltip } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { type ReactNode, useEffect } from "react";
import { queryClient } from "../api/queries";
import page from "../components/Page.module.css";
import { useKeys } from "./keys";
import { PageBar } from "./Shell";

/** A page with a title and nothing to steer but asking again what it shows. */
export function RefreshedPage({ title, shows, children }: { title: string; shows: string; children: ReactNode }) {
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: [shows] });
  useKeys({ r: refresh });
  useEffect(() => {
    document.title = `${title} · Spanglass`;
  }, [title]);
  return (
    <>
      <PageBar title={<h1>{title}</h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}>{children}</div>
    </>
  );
}
