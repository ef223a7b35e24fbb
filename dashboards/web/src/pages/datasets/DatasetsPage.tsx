import { IconTable } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { datasetsQuery } from "../../api/queries";
import { RefreshedPage } from "../../app/RefreshedPage";
import { MoreButton } from "../../components/MoreButton";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { useNow, When } from "../../components/When";
import { formatCount } from "../../lib/format";
import named from "../../components/NamedRows.module.css";

export function DatasetsPage() {
  return <RefreshedPage title="Datasets" shows="datasets"><Datasets /></RefreshedPage>;
}

function Datasets() {
  const now = useNow();
  const datasets = useInfiniteQuery(datasetsQuery);
  if (datasets.isError && !datasets.data) return <Problem error={datasets.error} retry={() => void datasets.refetch()} />;
  if (!datasets.data) return <i className={page["waiting"]} role="status" aria-label="Loading the datasets" />;
  const items = datasets.data.pages.flatMap((each) => each.items);
  if (items.length === 0) {
    return (
      <State icon={<IconTable />} title="There are no datasets yet">
        Open a trace and choose <b>Add to dataset</b>, or type <code>spanglass datasets add NAME questions.csv</code>.
      </State>
    );
  }
  const projects = new Set(items.map((each) => each.project));
  return (
    <div className={page["content"]}>
      {datasets.isError && <p role="alert" className={page["broken"]}>Not up to date: {datasets.error.message}</p>}
      <div className={`${panel["panel"] ?? ""} ${panel["scroll"] ?? ""}`} tabIndex={0}>
        <table aria-label="Datasets" className={named["rows"]}>
          <thead><tr><th>Dataset</th><th>Items</th><th>Version</th><th>Changed</th></tr></thead>
          <tbody>
            {items.map((each) => (
              <tr key={`${each.project}/${each.name}`}>
                <td>
                  <Link to="/datasets/$name" params={{ name: each.name }} search={{ project: each.project }}>{each.name}</Link>
                  {projects.size > 1 && <small> {each.project}</small>}
                  {each.description && <small className={named["about"]} dir="auto">{each.description}</small>}
                </td>
                <td>{formatCount(each.items)}</td>
                <td>{each.latest}</td>
                <td><When time={each.updated_at} now={now} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {datasets.hasNextPage && <MoreButton onClick={() => void datasets.fetchNextPage()}>Show more</MoreButton>}
    </div>
  );
}
