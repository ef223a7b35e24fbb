import { Button, PasswordInput } from "@mantine/core";
import { type SubmitEvent, useState } from "react";
import { signIn } from "../../api/auth";
import { api, ApiProblem, dataOf } from "../../api/client";
import { queryClient } from "../../api/queries";
import { Logo } from "../../app/Logo";
import styles from "./SignIn.module.css";

/** Asks for a key that may read. */
export function SignIn({ why }: { why: string }) {
  const [key, setKey] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const given = key.trim();
    const mistake = mistakeIn(given);
    if (mistake) {
      setProblem(mistake);
      return;
    }
    setBusy(true);
    setProblem("");
    try {
      await dataOf(api.GET("/api/v1/session", { headers: { Authorization: `Bearer ${given}` } }));
      queryClient.clear();
      signIn(given);
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setBusy(false);
    }
  };
  const refused = /unknown|revoked/.test(why);
  return (
    <main className={styles["page"]}>
      <form className={styles["card"]} onSubmit={(event) => void submit(event)}>
        <Logo named />
        <h1>Sign in</h1>
        <p>
          {refused ? "Your key does not work any more: it was revoked or has been replaced. " : "This Spanglass asks for a key. "}
          Use one that may read.
        </p>
        <PasswordInput
          label="Key"
          placeholder="sg_read_…"
          value={key}
          error={problem}
          autoComplete="current-password"
          data-autofocus
          autoFocus
          onChange={(event) => setKey(event.currentTarget.value)}
        />
        <Button type="submit" fullWidth loading={busy}>Sign in</Button>
        <small>
          No key? Whoever runs the service makes one with <code>spanglass keys create --scope read</code>. It is
          kept in this tab only, until you close it.
        </small>
      </form>
    </main>
  );
}

function mistakeIn(key: string): string {
  if (key === "") return "Enter a key.";
  // What can't stand in a header can't be a key.
  return /^[\x21-\x7e]+$/.test(key) ? "" : "That is no key: keys have no spaces and no special letters.";
}

function explain(error: unknown): string {
  if (!(error instanceof ApiProblem)) return String(error);
  if (error.status === 401) return "This key is unknown or was revoked.";
  if (error.status === 403) return `${error.detail} Make one with --scope read.`;
  return error.detail;
}
