import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef, useState } from "react";
import styles from "./Split.module.css";

const STORAGE_KEY = "spanglass-split";
const [LEAST, MOST, USUAL] = [30, 75, 56];

function stored(): number {
  try {
    const share = Number(localStorage.getItem(STORAGE_KEY));
    return share >= LEAST && share <= MOST ? share : USUAL;
  } catch {
    return USUAL;
  }
}

/** Two panes with a border that can be dragged, also by keyboard. */
export function Split({ left, right }: { left: ReactNode; right: ReactNode }) {
  const frame = useRef<HTMLDivElement>(null);
  const [share, setShare] = useState(stored);
  const set = (next: number): void => {
    const bounded = Math.min(MOST, Math.max(LEAST, next));
    setShare(bounded);
    try {
      localStorage.setItem(STORAGE_KEY, String(Math.round(bounded)));
    } catch {
      // Holds for this page, then.
    }
  };
  const drag = (event: PointerEvent<HTMLDivElement>): void => {
    const box = frame.current?.getBoundingClientRect();
    if (box && event.currentTarget.hasPointerCapture(event.pointerId)) set((100 * (event.clientX - box.left)) / box.width);
  };
  const nudge = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowLeft" ? -2 : event.key === "ArrowRight" ? 2 : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    set(share + by);
  };
  return (
    <div ref={frame} className={styles["split"]} style={{ gridTemplateColumns: `${share}% 1px minmax(0, 1fr)` }}>
      <div className={styles["pane"]}>{left}</div>
      <div
        className={styles["handle"]}
        role="separator"
        aria-orientation="vertical"
        aria-label="Width of the tree"
        aria-valuenow={Math.round(share)}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        tabIndex={0}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={drag}
        onKeyDown={nudge}
        onDoubleClick={() => set(USUAL)}
      />
      <div className={styles["pane"]}>{right}</div>
    </div>
  );
}
