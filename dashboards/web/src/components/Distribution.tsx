import { formatShare } from "../lib/series";
import styles from "./Distribution.module.css";

interface Props {
  /** Shares of both windows; bins lie between edges, and without edges the labels are categories. */
  shown: { edges: number[]; labels: string[]; reference: number[]; current: number[] };
  label: string;
  format: (value: number) => string;
}

const WIDTH = 480;
const HEIGHT = 120;

/** Both windows over the same bins, or category by category. */
export function Distribution({ shown, label, format }: Props) {
  const top = Math.max(...shown.reference, ...shown.current, 1e-9);
  if (shown.edges.length === 0) {
    return (
      <ul className={styles["shares"]} aria-label={label}>
        {shown.labels.map((name, index) => (
          <li key={name}>
            <span dir="auto">{name || "(none)"}</span>
            <i aria-hidden><i style={{ width: `${(100 * (shown.reference[index] ?? 0)) / top}%` }} /><i data-now style={{ width: `${(100 * (shown.current[index] ?? 0)) / top}%` }} /></i>
            <small>{formatShare(shown.reference[index] ?? 0)} → <b>{formatShare(shown.current[index] ?? 0)}</b></small>
          </li>
        ))}
      </ul>
    );
  }
  const each = WIDTH / shown.labels.length;
  const outline = shown.current.map((share, index) => `${index * each},${HEIGHT * (1 - share / top)} ${(index + 1) * each},${HEIGHT * (1 - share / top)}`).join(" ");
  return (
    <figure className={styles["distribution"]}>
      <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 3}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {shown.reference.map((share, index) => <rect key={shown.labels[index]} x={index * each + 0.5} y={HEIGHT * (1 - share / top)} width={each - 1} height={(HEIGHT * share) / top} />)}
        <polyline points={`0,${HEIGHT} ${outline} ${WIDTH},${HEIGHT}`} vectorEffect="non-scaling-stroke" />
      </svg>
      <figcaption><span>{format(shown.edges[0] ?? 0)}</span><span><i data-then aria-hidden /> then <i aria-hidden /> now</span><span>{format(shown.edges.at(-1) ?? 0)}</span></figcaption>
    </figure>
  );
}
