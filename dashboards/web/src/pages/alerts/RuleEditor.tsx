import { Button, NativeSelect, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { AlertRule } from "../../api/client";
import { deleteRule, previewRule, readDraft, saveRule } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { type Field, type Fields, FIELDS, fieldValue, KINDS, withField } from "../../lib/ruleForm";
import { RulePreview } from "./RulePreview";
import styles from "./RuleEditor.module.css";

const NEW: Fields = { name: "", kind: "threshold", severity: "warning", metric: "error_rate", condition: "> 5%", window: "5m", group_by: ["service"] };
const SEVERITIES = ["critical", "error", "warning", "info"];

interface Props {
  /** None for a new one. */
  rule: AlertRule | undefined;
  mayChange: boolean;
  onClose: () => void;
}

/** A field that keeps what is written as it is: half a filter is no filter yet. */
function Value({ field, first, error, onChange }: { field: Field; first: string; error: string | undefined; onChange: (text: string) => void }) {
  const [text, setText] = useState(first);
  const change = (next: string): void => {
    setText(next);
    onChange(next);
  };
  return field.isLong ? (
    <Textarea className={styles["wide"] ?? ""} label={field.label} description={field.about} autosize minRows={field.name === "query" ? 5 : 1} value={text} error={error} onChange={(event) => change(event.currentTarget.value)} />
  ) : (
    <TextInput label={field.label} description={field.about} value={text} error={error} onChange={(event) => change(event.currentTarget.value)} />
  );
}

/** One rule as a form and as YAML, with what it would have done before it is saved. */
export function RuleEditor({ rule, mayChange, onClose }: Props) {
  const [fields, setFields] = useState<Fields>(rule?.rule ?? NEW);
  // Text that is being written counts as it stands, also where it is no rule yet.
  const [text, setText] = useState<string>();
  const [view, setView] = useState<"form" | "yaml">("form");
  const [hours, setHours] = useState("24");
  const written = useMemo(() => (text === undefined ? { rule: fields } : { yaml: text }), [text, fields]);
  const [now] = useDebouncedValue(written, 350);
  const draft = useQuery({ queryKey: ["draft", now], queryFn: () => readDraft(now), placeholderData: keepPreviousData, staleTime: Infinity, retry: false });
  const problems = draft.data?.problems ?? [];
  const isRight = draft.data !== undefined && problems.length === 0 && !draft.isPlaceholderData && now === written;
  const values = draft.data?.rule ?? fields;
  const preview = useQuery({
    queryKey: ["rule-preview", values, hours], queryFn: () => previewRule(values, Number(hours)), enabled: isRight, placeholderData: keepPreviousData, retry: false,
  });
  const name = fieldValue(values, "name");
  const save = useMutation({ mutationFn: () => saveRule(name, values), onSuccess: onClose });
  // What it has told of ends with it: so it is asked twice.
  const [isSure, setIsSure] = useState(false);
  const remove = useMutation({ mutationFn: () => deleteRule(fieldValue(rule?.rule ?? {}, "name")), onSuccess: onClose });
  const turn = useMutation({
    mutationFn: () => readDraft(written),
    onSuccess: (read) => {
      if (view === "form") setText(read.yaml);
      else if (read.rule) {
        setFields(read.rule);
        setText(undefined);
      } else return;
      setView(view === "form" ? "yaml" : "form");
    },
  });
  const said = (field: string): string | undefined => problems.find((each) => each.field === field)?.message;
  const shown = FIELDS.filter((each) => each.kinds === undefined || each.kinds.includes(fieldValue(values, "kind")));
  const elsewhere = problems.filter((each) => view === "yaml" || !["name", "kind", "severity", ...shown.map((field) => field.name)].includes(each.field));
  return (
    <section className={panel["panel"]} aria-label={rule ? `Rule ${fieldValue(rule.rule, "name")}` : "New rule"}>
      <div className={styles["head"]}>
        <h2>{rule ? fieldValue(rule.rule, "name") : "New rule"}</h2>
        <SegmentedControl size="xs" value={view} onChange={() => turn.mutate()} disabled={turn.isPending || (view === "yaml" && !draft.data?.rule)} data={[{ value: "form", label: "Form" }, { value: "yaml", label: "YAML" }]} aria-label="How it is shown" />
      </div>
      {rule?.origin === "file" && <p className={panel["note"]}>It is from a file. What is saved here goes before that, until it is deleted.</p>}
      {rule?.error && <p role="alert" className={styles["wrong"]}>{rule.error}</p>}
      <div className={styles["sides"]}>
        <div>
          {view === "form" ? (
            <div className={styles["form"]}>
              <TextInput label="Name" description="Small letters, digits, dots and dashes" value={fieldValue(fields, "name")} error={said("name")} readOnly={rule !== undefined} onChange={(event) => setFields(withField(fields, "name", event.currentTarget.value))} />
              <NativeSelect label="Kind" data={KINDS} value={fieldValue(fields, "kind")} error={said("kind")} onChange={(event) => setFields(withField(fields, "kind", event.currentTarget.value))} />
              <NativeSelect label="Severity" data={SEVERITIES} value={fieldValue(fields, "severity")} error={said("severity")} onChange={(event) => setFields(withField(fields, "severity", event.currentTarget.value))} />
              {shown.map((field) => <Value key={field.name} field={field} first={fieldValue(fields, field.name)} error={said(field.name)} onChange={(written) => setFields(withField(fields, field.name, written))} />)}
            </div>
          ) : (
            <Textarea classNames={{ input: styles["yaml"] ?? "" }} aria-label="The rule as YAML" autosize minRows={16} spellCheck={false} value={text ?? ""} onChange={(event) => setText(event.currentTarget.value)} />
          )}
          {draft.isError && <p role="alert" className={styles["wrong"]}>{draft.error.message}</p>}
          {elsewhere.length > 0 && (
            <ul className={styles["problems"]} aria-label="What is wrong">
              {elsewhere.map((each) => <li key={`${each.line} ${each.column} ${each.message}`}>{view === "yaml" && <b>Line {each.line}, column {each.column}: </b>}{each.message}</li>)}
            </ul>
          )}
        </div>
        <RulePreview preview={preview.data} error={isRight ? preview.error?.message : undefined} isWaiting={!isRight || preview.isFetching} isRight={isRight} hours={hours} onHours={setHours} condition={fieldValue(values, "condition")} />
      </div>
      <div className={styles["foot"]}>
        {mayChange && <Button disabled={!isRight || name === ""} loading={save.isPending} onClick={() => save.mutate()}>Save</Button>}
        <Button variant="default" onClick={onClose}>{mayChange ? "Cancel" : "Back"}</Button>
        {mayChange && rule !== undefined && rule.origin !== "file" && (
          isSure
            ? <Button color="red" loading={remove.isPending} onClick={() => remove.mutate()}>Delete it, and resolve its alerts</Button>
            : <Button variant="subtle" color="red" onClick={() => setIsSure(true)}>Delete</Button>
        )}
        {remove.error && <p role="alert" className={styles["wrong"]}>{remove.error.message}</p>}
        {save.error && <p role="alert" className={styles["wrong"]}>{save.error.message}</p>}
        {!mayChange && <p className={panel["note"]}>An administrator changes rules; you can try them.</p>}
      </div>
    </section>
  );
}
