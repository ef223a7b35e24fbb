import { ActionIcon, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";

interface Props {
  /** The text, or how to make it: a large one is made when it is asked for. */
  value: string | (() => string);
  label: string;
  icon?: ReactNode;
  size?: number;
}

export function Copy({ value, label, icon, size = 15 }: Props) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), 1600);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = (): void => {
    void writeText(typeof value === "string" ? value : value()).then(
      () => setState("copied"),
      () => setState("failed"),
    );
  };
  const said = state === "copied" ? "Copied" : state === "failed" ? "The browser did not allow it" : label;
  return (
    <Tooltip label={said}>
      <ActionIcon variant="subtle" color={state === "copied" ? "teal" : "gray"} size={size + 10} onClick={copy} aria-label={label}>
        {state === "copied" ? <IconCheck size={size} stroke={1.8} /> : (icon ?? <IconCopy size={size} stroke={1.6} />)}
      </ActionIcon>
    </Tooltip>
  );
}

/** Also where there is no clipboard API: pages that come over plain HTTP from another machine. */
async function writeText(text: string): Promise<void> {
  if ("clipboard" in navigator) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way without a secure context
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not allowed");
}
