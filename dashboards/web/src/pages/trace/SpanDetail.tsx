import { Button, Tabs } from "@mantine/core";
import { IconAlertCircleFilled, IconBrandPython, IconTerminal2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ApiProblem, type Score, type Span } from "../../api/client";
import type { LightSpan } from "../../api/tree";
import { spanQuery, surroundingsQuery } from "../../api/queries";
import { Copy } from "../../components/Copy";
import { JsonView } from "../../components/JsonView";
import { KindIcon } from "../../components/KindIcon";
import { Marks } from "../../components/Marks";
import { save } from "../../components/save";
import { formatCost, formatCount, formatDuration, formatEnergy, formatSeconds } from "../../lib/format";
import type { Json } from "../../lib/json";
import { KIND_LABELS } from "../../lib/kinds";
import { contentOf } from "../../lib/messages/conversation";
import { marksOf } from "../../lib/marks";
import { asCurl, asPython, requestOf } from "../../lib/replay";
import { kindOfSpan } from "../../lib/summary";
import type { Tree, TreeNode } from "../../lib/tree";
import { Attributes } from "./Attributes";
import { Scores } from "./Scores";
import { SpanContent } from "./SpanContent";
import { SpanEngine } from "./SpanEngine";
import { SpanErrors } from "./SpanErrors";
import { SpanEvents } from "./SpanEvents";
import styles from "./SpanDetail.module.css";

interface Props {
  traceId: string;
  span: LightSpan;
  node: TreeNode<LightSpan>;
  tree: Tree<LightSpan>;
  /** Of this span, and of the whole trace where it is the first. */
  scores: readonly Score[];
  tab: string | undefined;
  onTab: (tab: string | undefined) => void;
  onSelect: (index: number, show?: boolean) => void;
}

const TABS = ["content", "scores", "engine", "attributes", "events", "resource", "raw"] as const;

export function SpanDetail({ traceId, span: light, node, tree, scores, tab, onTab, onSelect }: Props) {
  const loaded = useQuery(spanQuery(traceId, light.span_id));
  const whole = loaded.data?.span;
  const span = whole ?? light;
  const content = useMemo(() => (whole ? contentOf(whole) : undefined), [whole]);
  const marks = useMemo(() => marksOf(scores), [scores]);
  const request = useMemo(() => (whole && content ? requestOf(whole, content) : undefined), [whole, content]);
  const kind = kindOfSpan(span);
  const label =
    kind === "llm" || kind === "agent" ? "Messages" : kind === "retrieval" || kind === "rerank" ? "Documents" : "Input & output";
  const events = whole ? whole.events.length + (whole.payload_events?.length ?? 0) + whole.links.length : undefined;
  const attributes = whole ? Object.keys(whole.attributes).length + Object.keys(whole.payload_attributes ?? {}).length : undefined;
  // A model of one's own has an engine that is watched; others have none, and nothing is shown.
  const { data: around } = useQuery({ ...surroundingsQuery(traceId, light.span_id), enabled: kind === "llm" });
  const hasEngine = around !== undefined && around.engines.length > 0;
  const wanted = TABS.find((each) => each === tab) ?? "content";
  const current = (wanted === "scores" && scores.length === 0) || (wanted === "engine" && !hasEngine) ? "content" : wanted;
  return (
    <section className={styles["detail"]} aria-label={`Span ${span.name}`} data-kind={kind}>
      <header className={styles["head"]}>
        <div className={styles["name"]}>
          <KindIcon kind={kind} size={19} />
          <h2 dir="auto" title={span.name}>{span.name || "(no name)"}</h2>
          {span.status === "error" && <IconAlertCircleFilled size={17} className={styles["failed"]} aria-label="Error" />}
          <Copy value={span.span_id} label="Copy the span id" />
          {request && (
            <>
              <Copy value={() => asCurl(request)} label="Copy as curl, to make this call again" icon={<IconTerminal2 size={16} stroke={1.6} />} />
              <Copy value={() => asPython(request)} label="Copy as Python, to make this call again" icon={<IconBrandPython size={16} stroke={1.6} />} />
            </>
          )}
        </div>
        <Facts span={span} energy={whole?.energy_j ?? around?.energy_j ?? null} offset={node.offset} label={KIND_LABELS[kind]} />
      </header>
      <Tabs
        value={current}
        onChange={(next) => onTab(next === "content" || next === null ? undefined : next)}
        keepMounted={false}
        className={styles["tabs"] ?? ""}
      >
        <Tabs.List className={styles["tabList"] ?? ""}>
          <Tabs.Tab value="content">{label}</Tabs.Tab>
          {scores.length > 0 && <Tabs.Tab value="scores">Scores <small>{formatCount(scores.length)}</small></Tabs.Tab>}
          {hasEngine && <Tabs.Tab value="engine">Engine</Tabs.Tab>}
          <Tabs.Tab value="attributes">Attributes <small>{attributes}</small></Tabs.Tab>
          <Tabs.Tab value="events">Events <small>{events}</small></Tabs.Tab>
          <Tabs.Tab value="resource">Resource</Tabs.Tab>
          <Tabs.Tab value="raw">Raw</Tabs.Tab>
        </Tabs.List>
        <div className={styles["body"]} tabIndex={-1}>
          {current !== "raw" && <SpanErrors span={span} events={whole?.events ?? []} />}
          {loaded.isError && (
            <div className={styles["problem"]} role="alert">
              {loaded.error instanceof ApiProblem ? loaded.error.detail : String(loaded.error)}
              <Button size="compact-xs" variant="default" onClick={() => void loaded.refetch()}>Try again</Button>
            </div>
          )}
          <Tabs.Panel value="content">
            <Marks value={marks}>{content && <SpanContent content={content} span={span} granted={loaded.data?.payload ?? true} tree={tree} node={node} onSelect={onSelect} />}</Marks>
          </Tabs.Panel>
          <Tabs.Panel value="scores"><Scores scores={scores} granted={loaded.data?.payload ?? true} /></Tabs.Panel>
          {hasEngine && <Tabs.Panel value="engine"><SpanEngine around={around} /></Tabs.Panel>}
          {loaded.isPending && current !== "scores" && current !== "engine" && <Waiting />}
          {whole && (
            <>
              <Tabs.Panel value="attributes">
                <Attributes
                  groups={[
                    { title: "Attributes", values: whole.attributes },
                    { title: "Content", values: whole.payload_attributes ?? {} },
                    { title: `Scope ${whole.scope_name} ${whole.scope_version}`.trim(), values: whole.scope_attributes },
                  ]}
                />
              </Tabs.Panel>
              <Tabs.Panel value="events"><SpanEvents span={whole} /></Tabs.Panel>
              <Tabs.Panel value="resource">
                <Attributes groups={[{ title: "Resource", values: whole.resource }]} />
              </Tabs.Panel>
              <Tabs.Panel value="raw"><Raw span={whole} /></Tabs.Panel>
            </>
          )}
        </div>
      </Tabs>
    </section>
  );
}

function Facts({ span, energy, offset, label }: { span: LightSpan; energy: number | null; offset: number; label: string }) {
  const model = span.response_model || span.request_model;
  const input = span.input_tokens;
  const output = span.output_tokens;
  const speed = span.time_per_output_token_s ? `${Math.round(1 / span.time_per_output_token_s)} tok/s` : "";
  return (
    <ul className={styles["facts"]}>
      <li className={styles["kind"]}>{label}</li>
      <li title={`Begins ${formatDuration(offset)} after the trace`}><b>{formatDuration(span.duration_ns)}</b></li>
      {model && <li title={span.request_model && span.request_model !== model ? `Asked for ${span.request_model}` : undefined}>{model}</li>}
      {span.provider && <li>{span.provider}</li>}
      {(input !== null || output !== null) && (
        <li>
          {input !== null && <>{formatCount(input)} <small>in</small></>}
          {span.cache_read_tokens ? <small> ({formatCount(span.cache_read_tokens)} cached)</small> : null}
          {output !== null && <> {formatCount(output)} <small>out</small></>}
          {span.reasoning_tokens ? <small> ({formatCount(span.reasoning_tokens)} reasoning)</small> : null}
          {span.tokens_estimated && <small> estimated</small>}
        </li>
      )}
      {span.time_to_first_token_s !== null && <li title="Time to the first token">{formatSeconds(span.time_to_first_token_s)} <small>first token</small></li>}
      {speed && <li>{speed}</li>}
      {span.cost_usd !== null && span.cost_usd > 0 && <li title={`Cost: ${span.cost_source}`}>{formatCost(span.cost_usd)}</li>}
      {energy !== null && <li title="Its share of what its GPUs drew">{formatEnergy(energy)}</li>}
      {span.finish_reasons.length > 0 && <li title="Why the model stopped">{span.finish_reasons.join(", ")}</li>}
      {span.tool_name && !span.name.includes(span.tool_name) && <li>{span.tool_name}</li>}
      {span.agent_name && !span.name.includes(span.agent_name) && <li>{span.agent_name}</li>}
      {span.prompt_name && <li title="Prompt">{span.prompt_name} {span.prompt_version && <small>v{span.prompt_version}</small>}</li>}
      {span.redacted && <li title="Personal data was taken out before it was stored">redacted</li>}
      {span.end_before_start && <li title="The span said that it ended before it began">clock went back</li>}
    </ul>
  );
}

function Waiting() {
  return (
    <div className={styles["waiting"]} role="status" aria-label="Loading the span">
      {[86, 94, 70, 0, 90, 46].map((width, index) => <i key={index} style={{ width: `${width}%` }} />)}
    </div>
  );
}

function Raw({ span }: { span: Span }) {
  const text = (): string => JSON.stringify(span, null, 2);
  return (
    <>
      <div className={styles["rawTools"]}>
        <Button size="compact-sm" variant="default" onClick={() => save(text(), `span-${span.span_id}.json`)}>Download</Button>
        <Copy value={text} label="Copy as JSON" />
      </div>
      <JsonView value={span as unknown as Json} open={1} />
    </>
  );
}
