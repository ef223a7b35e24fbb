import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { IncidentDetail } from "../../api/client";
import { incidents } from "../../api/queries";
import styles from "./Incident.module.css";

/** Who has the incident; a click changes it. */
export function Owner({ incident, onChanged }: { incident: IncidentDetail; onChanged: (data: IncidentDetail) => void }) {
  const [name, setName] = useState<string>();
  const saving = useMutation({
    mutationFn: (owner: string) => incidents.change(incident.id, { owner }),
    onSuccess: (data) => {
      setName(undefined);
      onChanged(data);
    },
  });
  if (name === undefined) {
    return <>{incident.owner ? <span dir="auto">{incident.owner}</span> : "nobody"} <button type="button" className={styles["change"]} onClick={() => setName(incident.owner)} aria-label="Change the owner">change</button></>;
  }
  return (
    <form
      className={styles["owner"]}
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate(name.trim());
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") setName(undefined);
      }}
    >
      <input autoFocus value={name} maxLength={200} aria-label="Owner" onChange={(event) => setName(event.target.value)} />
      <button type="submit" className={styles["change"]} disabled={saving.isPending}>save</button>
      {saving.error && <span role="alert" className={styles["failed"]}>{saving.error.message}</span>}
    </form>
  );
}
