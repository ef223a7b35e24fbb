import { Modal } from "@mantine/core";
import { useEffect } from "react";
import { LETTERS } from "./goto";
import { HELP } from "./keys";
import styles from "./HelpDialog.module.css";

interface Props {
  opened: boolean;
  pages: readonly { to: string; label: string }[];
  onClose: () => void;
}

export function HelpDialog({ opened, pages, onClose }: Props) {
  useEffect(() => {
    if (!opened) return;
    const close = (event: KeyboardEvent): void => {
      // Not the one that has just opened it.
      if (event.key === "?" && !event.defaultPrevented) onClose();
    };
    window.addEventListener("keydown", close);
    return () => window.removeEventListener("keydown", close);
  }, [opened, onClose]);
  const goTo = {
    title: "Go to",
    keys: pages.flatMap(({ to, label }) => (LETTERS[to] ? [{ keys: ["G", LETTERS[to].toUpperCase()], does: label }] : [])),
  };
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" size="lg" centered closeButtonProps={{ "aria-label": "Close" }}>
      <div className={styles["groups"]}>
        {[...HELP, goTo].map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map((entry) => (
                <div key={entry.does}>
                  <dt>{entry.keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
                  <dd>{entry.does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}
