import { ActionIcon, Tooltip } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import type { WholePrompt } from "../../api/client";
import { promptQuery, queryClient, type PromptKey } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { PageBar } from "../../app/Shell";
import page from "../../components/Page.module.css";
import panel from "../../components/Panel.module.css";
import { Problem } from "../../components/Problem";
import { useNow, When } from "../../components/When";
import { readPromptSearch } from "../../lib/search";
import { Changes } from "./Changes";
import { ComparisonTable } from "./ComparisonTable";
import named from "../../components/NamedRows.module.css";
import styles from "./Prompts.module.css";
import { Versions } from "./Versions";

const route = getRouteApi("/prompts/$name");

export function PromptPage() {
  const { name } = route.useParams();
  const { project = "" } = readPromptSearch({ ...route.useSearch() });
  const key = { project, name };
  const prompt = useQuery(promptQuery(key));
  const refresh = (): void => void queryClient.invalidateQueries({ queryKey: ["prompt", project, name] });
  useKeys({ r: refresh });
  useEffect(() => {
    document.title = `${name} · Prompts · Spanglass`;
  }, [name]);
  return (
    <>
      <PageBar title={<h1 className={named["crumbs"]}><Link to="/prompts">Prompts</Link> <span aria-hidden>/</span> <span dir="auto">{name}</span></h1>}>
        <Tooltip label="Refresh (R)">
          <ActionIcon variant="subtle" color="gray" onClick={refresh} aria-label="Refresh"><IconRefresh size={18} stroke={1.6} /></ActionIcon>
        </Tooltip>
      </PageBar>
      <div className={page["page"]}>
        {prompt.isError && !prompt.data && <Problem error={prompt.error} retry={() => void prompt.refetch()} />}
        {!prompt.isError && !prompt.data && <i className={page["waiting"]} role="status" aria-label="Loading the prompt" />}
        {prompt.data && <Shown prompt={prompt.data} asked={key} />}
      </div>
    </>
  );
}

/** The versions that are set side by side: as asked, else what is live and the newest, or the last two. */
function sidesOf(prompt: WholePrompt, before?: number, after?: number): [number, number] {
  const last = after ?? prompt.latest;
  const live = prompt.labels["production"];
  return [before ?? (live !== undefined && live !== last ? live : Math.max(1, last - 1)), last];
}

function Shown({ prompt, asked }: { prompt: WholePrompt; asked: PromptKey }) {
  const now = useNow();
  const navigate = useNavigate();
  const search = readPromptSearch({ ...route.useSearch() });
  const [before, after] = sidesOf(prompt, search.before, search.after);
  const choose = (sides: { before?: number; after?: number }): void =>
    void navigate({ to: "/prompts/$name", params: { name: asked.name }, search: { ...search, before, after, ...sides }, replace: true });
  return (
    <div className={page["content"]}>
      <Versions prompt={prompt} asked={asked} before={before} after={after} onChoose={choose} />
      <Changes asked={asked} before={before} after={after} />
      {before !== after && <ComparisonTable asked={asked} before={before} after={after} />}
      {prompt.moves.length > 0 && (
        <section className={panel["panel"]} aria-label="Moves of labels">
          <h2>Moves of labels</h2>
          <ul className={styles["moves"]}>
            {prompt.moves.map((move, index) => (
              <li key={index}>
                <b>{move.label}</b> {move.before ? `from ${move.before} ` : ""}{move.after ? `to ${move.after}` : "taken off"} <small>by {move.by || "somebody"}, <When time={move.at} now={now} /></small>
                {move.message && <span dir="auto">{move.message}</span>}
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
