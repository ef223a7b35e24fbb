import { ActionIcon, SegmentedControl, Tooltip } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import type { WholeDataset } from "../../api/client";
import { datasetQuery, type DatasetKey, queryClient, sessionQuery } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import { Note } from "../../components/Note";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { useNow, When } from "../../components/When";
import { formatCount } from "../../lib/format";
import { readDatasetSearch } from "../../lib/search";
import { Check } from "./Check";
import named from "../../components/NamedRows.module.css";
import styles from "./Datasets.module.css";
import { Items } from "./Items";

const route = getRouteApi("/datasets/$name");

export function DatasetPage() {
  const { name } = route.useParams();
  const { project = "" } = readDatasetSearch({ ...route.useSearch() });
  const key = { project, name };
  const dataset = useQuery(datasetQuery(key));
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ["dataset", project, name] });
  useKeys({ r: refresh });
  useEffect(() => {
    document.title = `${name} · Datasets · Spanglass`;
  }, [name]);
  return (
    <>
      <PageBar title={<h1 className={named["crumbs"]}><Link to="/datasets">Datasets</Link> <span aria-hidden>/</span> <span dir="auto">{name}</span></h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}>
        {dataset.isError && !dataset.data && <Problem error={dataset.error} retry={() => void dataset.refetch()} />}
        {!dataset.isError && !dataset.data && <i className={page["waiting"]} role="status" aria-label="Loading the dataset" />}
        {dataset.data && <Shown dataset={dataset.data} asked={key} />}
      </div>
    </>
  );
}

function Shown({ dataset, asked }: { dataset: WholeDataset; asked: DatasetKey }) {
  const navigate = useNavigate();
  const session = useQuery(sessionQuery);
  const search = readDatasetSearch({ ...route.useSearch() });
  const { version = dataset.latest, split } = search;
  const go = (changed: { version?: number | undefined; split?: string | undefined }): void =>
    void navigate({ to: "/datasets/$name", params: { name: asked.name }, search: { ...search, ...changed }, replace: true });
  const splits = Object.entries(dataset.splits).filter(([name]) => name !== "");
  const mayRead = session.data?.payload !== false;
  return (
    <div className={page["content"]}>
      {dataset.description && <p className={styles["description"]} dir="auto">{dataset.description}</p>}
      {splits.length > 0 && (
        <div className={styles["splits"]}>
          <SegmentedControl
            value={split ?? ""}
            onChange={(value) => go({ split: value || undefined })}
            data={[{ value: "", label: `All ${formatCount(dataset.items)}` }, ...splits.map(([name, count]) => ({ value: name, label: `${name} ${formatCount(count)}` }))]}
            aria-label="Split"
          />
        </div>
      )}
      {mayRead ? <Items asked={asked} version={version} split={split ?? ""} latest={dataset.latest} /> : <Note>Your key may not read prompts and answers, so the items are not shown.</Note>}
      {mayRead && dataset.items > 1 && <Check asked={asked} version={version} />}
      <Versions dataset={dataset} version={version} onChoose={(chosen) => go({ version: chosen === dataset.latest ? undefined : chosen })} />
    </div>
  );
}

function Versions({ dataset, version, onChoose }: { dataset: WholeDataset; version: number; onChoose: (version: number) => void }) {
  const now = useNow();
  if (dataset.versions.length === 0) return null;
  return (
    <section className={panel["panel"]} aria-label="Versions">
      <h2>Versions</h2>
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={named["rows"]}>
          <thead><tr><th>Shown</th><th>Version</th><th>Items</th><th>Change</th><th>Message</th><th>Author</th><th>When</th></tr></thead>
          <tbody>
            {dataset.versions.map((each) => (
              <tr key={each.version}>
                <td><input type="radio" name="version" aria-label={`Show version ${each.version}`} checked={each.version === version} onChange={() => onChoose(each.version)} /></td>
                <td>{each.version}</td>
                <td>{formatCount(each.items)}</td>
                <td>{changeOf(each)}</td>
                <td className={named["message"]} dir="auto">{each.message}</td>
                <td dir="auto">{each.author}</td>
                <td><When time={each.created_at} now={now} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function changeOf({ added, changed, removed }: WholeDataset["versions"][number]): string {
  const parts = [added > 0 && `+${added}`, changed > 0 && `~${changed}`, removed > 0 && `−${removed}`];
  return parts.filter(Boolean).join(" ");
}
