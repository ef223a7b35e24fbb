import styles from "./TableSkeleton.module.css";

/** Widths in percent, so that the placeholder looks like names and not like a barcode. */
const WIDTHS = [62, 48, 71, 55, 66, 43, 58, 75, 51, 64, 47, 69];

export function TableSkeleton() {
  return (
    <div className={styles["skeleton"]} role="status" aria-label="Loading traces">
      {WIDTHS.map((width, index) => (
        <div key={index} className={styles["row"]} style={{ opacity: 1 - index * 0.07 }}>
          <i style={{ width: `${width}%` }} />
          <i style={{ width: `${100 - width}%` }} />
          <i />
          <i />
        </div>
      ))}
    </div>
  );
}
