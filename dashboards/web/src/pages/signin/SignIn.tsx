import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { refused, signIn } from "../../api/auth";
import { api, ApiProblem, dataOf } from "../../api/client";
import { openSession, queryClient, sessionQuery } from "../../api/queries";
import { Logo } from "../../app/Logo";
import styles from "./SignIn.module.css";

/** Asks who somebody is: by an account, where there are some, or by a key that may read. */
export function SignIn({ why }: { why: string }) {
  const session = useQuery(sessionQuery);
  const [byKey, setByKey] = useState(false);
  const accounts = session.data?.ways?.accounts ?? false;
  const provider = session.data?.ways?.provider ?? "";
  if (session.isPending) return <main className={styles["page"]}><p role="status">Loading …</p></main>;
  return (
    <main className={styles["page"]}>
      <div className={styles["card"]}>
        <Logo named />
        <h1>Sign in</h1>
        {provider && <ByProvider name={provider} />}
        {accounts && !byKey ? <ByAccount why={why} /> : <ByKey why={why} />}
        {accounts && (
          <button type="button" className={styles["other"]} onClick={() => setByKey(!byKey)}>
            {byKey ? "Use an account instead" : "Use a key instead"}
          </button>
        )}
      </div>
    </main>
  );
}

/** Why a provider of identities brought nobody back, by what the service says in the address. */
const REFUSALS: Readonly<Record<string, string>> = {
  denied: "You did not agree to sign in there. Try again, or use another way.",
  expired: "That took too long, or was begun in another browser. Try again.",
  disabled: "Your account here is disabled. Ask whoever runs this service.",
  provider: "Signing in there did not work. Whoever runs this service finds the reason in its log.",
};

function ByProvider({ name }: { name: string }) {
  const page = location.pathname + location.search;
  return (
    <div className={styles["provider"]}>
      {REFUSALS[refused] && <p role="alert">{REFUSALS[refused]}</p>}
      <Button component="a" href={`/api/v1/session/provider?${new URLSearchParams({ page }).toString()}`} fullWidth>
        Sign in with {name}
      </Button>
      <span className={styles["or"]}>or</span>
    </div>
  );
}

function ByAccount({ why }: { why: string }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { problem, busy, attempt } = useAttempt(explainAccount);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void attempt(name.trim() && password ? "" : "Enter your name and your password.", async () => {
      await openSession({ name: name.trim(), password });
      return "";
    });
  };
  return (
    <form className={styles["form"]} onSubmit={submit}>
      <p>{why.includes("session") ? "Your session has ended." : "This Spanglass asks who you are."}</p>
      <TextInput label="Name" value={name} autoComplete="username" autoFocus maxLength={128} onChange={(event) => setName(event.currentTarget.value)} />
      <PasswordInput label="Password" value={password} error={problem} autoComplete="current-password" maxLength={256} onChange={(event) => setPassword(event.currentTarget.value)} />
      <Button type="submit" fullWidth loading={busy}>Sign in</Button>
      <small>No account, or the password is lost? Ask whoever runs this service.</small>
    </form>
  );
}

function ByKey({ why }: { why: string }) {
  const [key, setKey] = useState("");
  const { problem, busy, attempt } = useAttempt(explainKey);
  const given = key.trim();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void attempt(mistakeIn(given), async () => {
      await dataOf(api.GET("/api/v1/session", { headers: { Authorization: `Bearer ${given}` } }));
      return given;
    });
  };
  const isOld = /unknown|revoked/.test(why);
  return (
    <form className={styles["form"]} onSubmit={submit}>
      <p>
        {isOld ? "Your key does not work any more: it was revoked or has been replaced. " : "This Spanglass asks for a key. "}
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
  );
}

/** One attempt at a time, and why the last one failed. It gives the key to go on with, or none. */
function useAttempt(explain: (error: unknown) => string) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const attempt = async (mistake: string, act: () => Promise<string>): Promise<void> => {
    setProblem(mistake);
    if (mistake) return;
    setBusy(true);
    try {
      const key = await act();
      queryClient.clear();
      signIn(key);
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setBusy(false);
    }
  };
  return { problem, busy, attempt };
}

function mistakeIn(key: string): string {
  if (key === "") return "Enter a key.";
  // What can't stand in a header can't be a key.
  return /^[\x21-\x7e]+$/.test(key) ? "" : "That is no key: keys have no spaces and no special letters.";
}

function explainKey(error: unknown): string {
  if (!(error instanceof ApiProblem)) return String(error);
  if (error.status === 401) return "This key is unknown or was revoked.";
  if (error.status === 403) return `${error.detail} Make one with --scope read.`;
  return error.detail;
}

function explainAccount(error: unknown): string {
  return error instanceof ApiProblem ? error.detail : String(error);
}
