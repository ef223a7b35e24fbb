import { IconMessage2Code } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { promptsQuery } from "../../api/queries";
import { RefreshedPage } from "../../app/RefreshedPage";
import { MoreButton } from "../../components/MoreButton";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { State } from "../../components/State";
import { useNow, When } from "../../components/When";
import { Labels } from "./Labels";
import named from "../../components/NamedRows.module.css";

export function PromptsPage() {
  return <RefreshedPage title="Prompts" shows="prompts"><Prompts /></RefreshedPage>;
}

function Prompts() {
  const now = useNow();
  const prompts = useInfiniteQuery(promptsQuery);
  if (prompts.isError && !prompts.data) return <Problem error={prompts.error} retry={() => void prompts.refetch()} />;
  if (!prompts.data) return <i className={page["waiting"]} role="status" aria-label="Loading the prompts" />;
  const items = prompts.data.pages.flatMap((each) => each.items);
  if (items.length === 0) {
    return (
      <State icon={<IconMessage2Code />} title="There are no prompts yet">
        <code>spanglass prompts push FOLDER</code> makes one of every YAML file in a folder; applications take them with <code>spanglass.prompt("name")</code>.
      </State>
    );
  }
  const projects = new Set(items.map((each) => each.project));
  return (
    <div className={page["content"]}>
      {prompts.isError && <p role="alert" className={page["broken"]}>Not up to date: {prompts.error.message}</p>}
      <div className={`${panel["panel"] ?? ""} ${panel["scroll"] ?? ""}`} tabIndex={0}>
        <table aria-label="Prompts" className={named["rows"]}>
          <thead><tr><th>Prompt</th><th>Labels</th><th>Newest</th><th>Changed</th></tr></thead>
          <tbody>
            {items.map((each) => (
              <tr key={`${each.project}/${each.name}`}>
                <td>
                  <Link to="/prompts/$name" params={{ name: each.name }} search={{ project: each.project }}>{each.name}</Link>
                  {projects.size > 1 && <small> {each.project}</small>}
                </td>
                <td><Labels labels={each.labels} /></td>
                <td>{each.latest}</td>
                <td><When time={each.updated_at} now={now} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {prompts.hasNextPage && <MoreButton onClick={() => void prompts.fetchNextPage()}>Show more</MoreButton>}
    </div>
  );
}
