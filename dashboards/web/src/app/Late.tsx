import { type ReactNode, Suspense, useEffect, useState } from "react";

interface Props {
  opened: boolean;
  children: (opened: boolean) => ReactNode;
}

/** A dialog whose code is fetched when it is first opened. It stays then, to be closed gracefully. */
export function Late({ opened, children }: Props) {
  const [wanted, setWanted] = useState(opened);
  if (opened && !wanted) setWanted(true);
  return wanted && <Suspense><Opened opened={opened}>{children}</Opened></Suspense>;
}

/** Opens what is there already: a dialog gives the focus back to whoever had it when it opened. */
function Opened({ opened, children }: Props) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(opened), [opened]);
  return children(open);
}
