import { Button, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { signIn } from "../../api/auth";
import type { SessionInfo } from "../../api/client";
import { createKey, keysQuery, type NewKeyIn, queryClient, revokeKey, sessionQuery } from "../../api/queries";
import { Copy } from "../../components/Copy";
import panel from "../../components/Panel.module.css";
import { Section } from "./SettingsPage";
import styles from "./SettingsPage.module.css";

const SCOPES = [
  { value: "ingest", label: "Send data" },
  { value: "read", label: "Read" },
  { value: "read-blind", label: "Read, but no prompts and answers" },
  { value: "admin", label: "Administer everything" },
];

/** Every key; new ones are shown once. */
export function KeyPanel({ session }: { session: SessionInfo }) {
  const keys = useQuery(keysQuery);
  const first = !session.key_needed;
  const [scope, setScope] = useState<string>("ingest");
  const [project, setProject] = useState(session.project || "default");
  const [name, setName] = useState("");
  const [asking, setAsking] = useState("");
  const create = useMutation({
    mutationFn: (body: NewKeyIn) => createKey(body),
    onSuccess: async (made) => {
      // From the first key on nobody gets in without one: this page goes on with it.
      if (first) {
        signIn(made.secret);
        await queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });
      }
      setName("");
      await queryClient.invalidateQueries({ queryKey: keysQuery.queryKey });
    },
  });
  const revoke = useMutation({
    mutationFn: revokeKey,
    onSuccess: () => {
      setAsking("");
      return queryClient.invalidateQueries({ queryKey: keysQuery.queryKey });
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const wanted = first ? "admin" : scope;
    create.mutate({ scope: wanted === "read-blind" ? "read" : (wanted as NewKeyIn["scope"]), project, name: name.trim(), payload: wanted !== "read-blind" });
  };
  const failed = create.error ?? revoke.error ?? keys.error;
  const items = keys.data?.items ?? [];
  return (
    <Section title="Keys">
      {first && <p className={panel["note"]}>There are none: whoever is on this machine may do everything. From the first key on, an administrator&apos;s, everybody needs one, senders too.</p>}
      {items.length > 0 && (
        <div className={panel["scroll"]} tabIndex={0} role="group" aria-label="Keys">
          <table className={panel["table"]}>
            <thead><tr><th scope="col">Id</th><th scope="col">For</th><th scope="col">Project</th><th scope="col">Name</th><th scope="col">Made</th><th scope="col">Used</th><th scope="col">Expires</th><th scope="col">State</th></tr></thead>
            <tbody>
              {items.map((key) => (
                <tr key={key.id} className={key.revoked_at ? styles["revoked"] : undefined}>
                  <td><code>{key.id}</code></td>
                  <td>{key.scope}{key.scope === "read" && !key.payload && ", no content"}</td>
                  <td>{key.project}</td>
                  <td>{key.name || "–"}</td>
                  <td>{key.created_at.slice(0, 10)}</td>
                  <td>{key.last_used_at?.slice(0, 10) ?? "–"}</td>
                  <td>{key.expires_at?.slice(0, 10) ?? "–"}</td>
                  <td>
                    {key.revoked_at ? "revoked" : asking === key.id ? (
                      <Button size="compact-xs" color="red" onClick={() => revoke.mutate(key.id)} loading={revoke.isPending}>Revoke for good</Button>
                    ) : <Button size="compact-xs" variant="default" onClick={() => setAsking(key.id)} aria-label={`Revoke ${key.name || key.id}`}>Revoke</Button>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <form className={styles["form"]} onSubmit={submit}>
        {!first && <Select label="What for" data={SCOPES} value={scope} onChange={(value) => setScope(value ?? "ingest")} allowDeselect={false} />}
        <TextInput label="Project" value={project} onChange={(event) => setProject(event.currentTarget.value)} maxLength={64} required />
        <TextInput label="Name" placeholder="checkout-service" value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={128} />
        <Button type="submit" loading={create.isPending}>{first ? "Make the first key" : "Make a key"}</Button>
      </form>
      {create.data && (
        <div className={styles["secret"]} role="status">
          <p>Shown this once: <code>{create.data.secret}</code></p>
          <Copy value={create.data.secret} label="Copy the key" />
        </div>
      )}
      {failed && <p className={styles["problem"]} role="alert">{failed.message}</p>}
    </Section>
  );
}
