import { Button, Menu } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { WholePrompt } from "../../api/client";
import { moveLabel, queryClient, type PromptKey } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { useNow, When } from "../../components/When";
import named from "../../components/NamedRows.module.css";
import styles from "./Prompts.module.css";

interface Props {
  prompt: WholePrompt;
  asked: PromptKey;
  before: number;
  after: number;
  onChoose: (sides: { before?: number; after?: number }) => void;
}

const USUAL = ["production", "staging"];

/** The versions, the newest first: their labels, who wrote them and why, and which two are compared. */
export function Versions({ prompt, asked, before, after, onChoose }: Props) {
  const now = useNow();
  const names = [...new Set([...USUAL, ...Object.keys(prompt.labels)])];
  const moving = useMutation({
    mutationFn: ({ label, version }: { label: string; version: number }) => moveLabel(asked, label, version, prompt.labels[label] ?? 0),
    onSettled: () => Promise.all([queryClient.invalidateQueries({ queryKey: ["prompt", asked.project, asked.name], exact: true }), queryClient.invalidateQueries({ queryKey: ["prompts"] })]),
  });
  return (
    <section className={panel["panel"]} aria-label="Versions">
      <h2>Versions</h2>
      {moving.isError && <p role="alert" className={named["refused"]}>{moving.error.message}</p>}
      <div className={panel["scroll"]} tabIndex={0}>
        <table className={named["rows"]}>
          <thead><tr><th>Before</th><th>After</th><th>Version</th><th>Labels</th><th>Message</th><th>Author</th><th>When</th><th /></tr></thead>
          <tbody>
            {prompt.versions.map((each) => (
              <tr key={each.version}>
                <td><input type="radio" name="before" aria-label={`Version ${each.version} before`} checked={each.version === before} onChange={() => onChoose({ before: each.version })} /></td>
                <td><input type="radio" name="after" aria-label={`Version ${each.version} after`} checked={each.version === after} onChange={() => onChoose({ after: each.version })} /></td>
                <td>{each.version}</td>
                <td><span className={styles["labels"]}>{each.labels.map((label) => <span key={label} className={styles["label"]} data-live={label === "production" || undefined}>{label}</span>)}</span></td>
                <td className={named["message"]} dir="auto">{each.message}{each.source && <small> {each.source}</small>}</td>
                <td dir="auto">{each.author}</td>
                <td><When time={each.created_at} now={now} /></td>
                <td>
                  <Menu position="bottom-end">
                    <Menu.Target><Button size="compact-xs" variant="default" aria-label={`Label version ${each.version}`} disabled={moving.isPending}>Label</Button></Menu.Target>
                    <Menu.Dropdown>
                      {names.filter((label) => prompt.labels[label] !== each.version).map((label) => (
                        <Menu.Item key={label} onClick={() => moving.mutate({ label, version: each.version })}>
                          {prompt.labels[label] === undefined ? `Put ${label} here` : `Move ${label} from ${prompt.labels[label]} to here`}
                        </Menu.Item>
                      ))}
                    </Menu.Dropdown>
                  </Menu>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
