import { Button, PasswordInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import type { SessionInfo } from "../../api/client";
import { changePassword } from "../../api/queries";
import panel from "../../components/Panel.module.css";
import { said } from "./MemberPanel";
import { Section } from "./SettingsPage";
import styles from "./SettingsPage.module.css";

/** Who is signed in, what they may do, and their password. */
export function OwnAccount({ session }: { session: SessionInfo }) {
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const change = useMutation({
    mutationFn: changePassword,
    onSuccess: () => {
      setOld("");
      setFresh("");
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    change.mutate({ password: old, new_password: fresh });
  };
  const roles = Object.fromEntries((session.roles ?? []).map((each) => [each.project, each.role]));
  return (
    <Section title="Your account">
      <p>You are signed in as <b>{session.account}</b>: {said(roles)}. {session.payload ? "You may read prompts and answers." : "You may not read prompts and answers."}</p>
      <form className={styles["form"]} onSubmit={submit}>
        <PasswordInput label="Present password" autoComplete="current-password" value={old} onChange={(event) => setOld(event.currentTarget.value)} maxLength={256} required />
        <PasswordInput label="New password" autoComplete="new-password" value={fresh} onChange={(event) => setFresh(event.currentTarget.value)} minLength={12} maxLength={256} required />
        <Button type="submit" variant="default" loading={change.isPending}>Change it</Button>
      </form>
      {change.isSuccess && <p className={panel["note"]} role="status">It is changed. You are signed out everywhere else.</p>}
      {change.error && <p className={styles["problem"]} role="alert">{change.error.message}</p>}
    </Section>
  );
}
