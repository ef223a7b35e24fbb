import { Button, PasswordInput, Select, Switch, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { signIn } from "../../api/auth";
import type { SessionInfo } from "../../api/client";
import { accountsQuery, changeAccount, createAccount, openSession, queryClient, sessionQuery, setRole } from "../../api/queries";
import type { components } from "../../api/schema.gen";
import panel from "../../components/Panel.module.css";
import { Section } from "./SettingsPage";
import styles from "./SettingsPage.module.css";

type Role = components["schemas"]["Role"];
const ROLES = [
  { value: "viewer", label: "Viewer: looks" },
  { value: "member", label: "Member: works with it" },
  { value: "admin", label: "Admin: manages it" },
];
const ALL = "*";

/** People, and what they are in which project. */
export function MemberPanel({ session }: { session: SessionInfo }) {
  const accounts = useQuery(accountsQuery);
  const administrator = session.rights?.includes("admin") ?? false;
  const first = !session.key_needed;
  const [asking, setAsking] = useState("");
  const again = async (): Promise<void> => {
    setAsking("");
    await queryClient.invalidateQueries({ queryKey: accountsQuery.queryKey });
  };
  const change = useMutation({ mutationFn: changeAccount, onSuccess: again });
  const items = accounts.data?.items ?? [];
  const failed = change.error ?? accounts.error;
  return (
    <Section title="Members">
      {first && <p className={panel["note"]}>There are none: whoever is on this machine may do everything. From the first account on, an administrator&apos;s, people sign in, and senders need a key.</p>}
      {accounts.isPending && <p className={panel["note"]} role="status">Loading …</p>}
      {accounts.isSuccess && !first && items.length === 0 && <p className={panel["note"]}>Nobody has an account yet; people come in with keys.</p>}
      {items.length > 0 && (
        <div className={panel["scroll"]} tabIndex={0} role="group" aria-label="Members">
          <table className={panel["table"]}>
            <thead><tr><th scope="col">Name</th><th scope="col">Roles</th><th scope="col">Content</th><th scope="col">Signed in</th>{administrator && <th scope="col">Change</th>}</tr></thead>
            <tbody>
              {items.map((each) => (
                <tr key={each.name} className={each.disabled_at ? styles["revoked"] : undefined}>
                  <td>{each.name}</td>
                  <td>{said(each.roles)}</td>
                  <td>{each.payload ? "yes" : "no"}</td>
                  <td>{each.signed_in_at?.slice(0, 10) ?? "–"}</td>
                  {administrator && (
                    <td>
                      <span className={styles["actions"]}>
                        {each.disabled_at ? (
                          <Button size="compact-xs" variant="default" onClick={() => change.mutate({ name: each.name, disabled: false })} aria-label={`Let ${each.name} in again`}>Let in again</Button>
                        ) : asking === each.name ? (
                          <Button size="compact-xs" color="red" onClick={() => change.mutate({ name: each.name, disabled: true })} loading={change.isPending}>Let in no more</Button>
                        ) : <Button size="compact-xs" variant="default" onClick={() => setAsking(each.name)} aria-label={`Disable ${each.name}`}>Disable</Button>}
                        <Button size="compact-xs" variant="default" onClick={() => change.mutate({ name: each.name, payload: !each.payload })} aria-label={`${each.payload ? "Hide content from" : "Show content to"} ${each.name}`}>{each.payload ? "Hide content" : "Show content"}</Button>
                      </span>
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {failed && <p className={styles["problem"]} role="alert">{failed.message}</p>}
      {administrator && <NewAccount first={first} project={session.project} onDone={again} />}
      {items.length > 0 && <NewRole names={items.map((each) => each.name)} project={session.project} onDone={again} />}
      {administrator && items.length > 0 && <NewPassword names={items.filter((each) => !each.is_external).map((each) => each.name)} onDone={again} />}
    </Section>
  );
}

function NewAccount({ first, project: own, onDone }: { first: boolean; project: string; onDone: () => Promise<void> }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRoleTo] = useState("viewer");
  const [project, setProject] = useState(own || "default");
  const [payload, setPayload] = useState(true);
  const create = useMutation({
    mutationFn: createAccount,
    onSuccess: async (made) => {
      // From the first account on people sign in: this page goes on as its administrator.
      if (first) {
        await openSession({ name: made.name, password });
        signIn("");
        await queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });
      }
      setName("");
      setPassword("");
      await onDone();
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    create.mutate({ name: name.trim(), password, role: first ? "admin" : (role as Role), project: first ? ALL : project.trim(), payload: first || payload });
  };
  return (
    <>
      <form className={styles["form"]} onSubmit={submit} aria-label="New account">
        <TextInput label="Name" placeholder="ada" autoComplete="off" value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={128} required />
        <PasswordInput label="First password" autoComplete="new-password" value={password} onChange={(event) => setPassword(event.currentTarget.value)} minLength={12} maxLength={256} required />
        {!first && <Select label="Role" data={ROLES} value={role} onChange={(value) => setRoleTo(value ?? "viewer")} allowDeselect={false} />}
        {!first && <TextInput label="Project, or * for all" value={project} onChange={(event) => setProject(event.currentTarget.value)} maxLength={64} required />}
        {!first && <Switch label="May read prompts and answers" checked={payload} onChange={(event) => setPayload(event.currentTarget.checked)} />}
        <Button type="submit" loading={create.isPending}>{first ? "Make the first account" : "Make an account"}</Button>
      </form>
      {create.error && <p className={styles["problem"]} role="alert">{create.error.message}</p>}
    </>
  );
}

function NewRole({ names, project: own, onDone }: { names: string[]; project: string; onDone: () => Promise<void> }) {
  const [name, setName] = useState<string | null>(null);
  const [role, setRoleTo] = useState("viewer");
  const [project, setProject] = useState(own || "default");
  const give = useMutation({ mutationFn: setRole, onSuccess: onDone });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (name) give.mutate({ name, project: project.trim(), role: role === "none" ? undefined : (role as Role) });
  };
  return (
    <>
      <form className={styles["form"]} onSubmit={submit} aria-label="Change a role">
        <Select label="Who" data={names} value={name} onChange={setName} searchable required />
        <Select label="Is" data={[...ROLES, { value: "none", label: "Nothing any more" }]} value={role} onChange={(value) => setRoleTo(value ?? "viewer")} allowDeselect={false} />
        <TextInput label="In project, or * for all" value={project} onChange={(event) => setProject(event.currentTarget.value)} maxLength={64} required />
        <Button type="submit" variant="default" loading={give.isPending}>Set the role</Button>
      </form>
      {give.error && <p className={styles["problem"]} role="alert">{give.error.message}</p>}
    </>
  );
}

function NewPassword({ names, onDone }: { names: string[]; onDone: () => Promise<void> }) {
  const [name, setName] = useState<string | null>(null);
  const [password, setPassword] = useState("");
  const reset = useMutation({
    mutationFn: changeAccount,
    onSuccess: async () => {
      setPassword("");
      await onDone();
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (name) reset.mutate({ name, password });
  };
  return (
    <>
      <form className={styles["form"]} onSubmit={submit} aria-label="Reset a password">
        <Select label="Whose password" data={names} value={name} onChange={setName} searchable required />
        <PasswordInput label="New password" autoComplete="new-password" value={password} onChange={(event) => setPassword(event.currentTarget.value)} minLength={12} maxLength={256} required />
        <Button type="submit" variant="default" loading={reset.isPending}>Reset it</Button>
      </form>
      {reset.isSuccess && <p className={panel["note"]} role="status">They are signed out everywhere, and sign in with the new one.</p>}
      {reset.error && <p className={styles["problem"]} role="alert">{reset.error.message}</p>}
    </>
  );
}

export function said(roles: Record<string, string>): string {
  const parts = Object.entries(roles).map(([project, role]) => `${role} in ${project === ALL ? "all projects" : project}`);
  return parts.join(", ") || "none yet";
}
