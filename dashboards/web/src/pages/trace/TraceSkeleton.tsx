import styles from "./TraceSkeleton.module.css";

const LINES = [[0, 0, 92], [1, 2, 18], [2, 4, 14], [1, 22, 40], [1, 64, 24], [2, 66, 9], [1, 90, 6]] as const;

export function TraceSkeleton() {
  return (
    <div className={styles["skeleton"]} role="status" aria-label="Loading the trace">
      <div className={styles["facts"]}>{[64, 52, 70, 84, 96].map((width) => <i key={width} style={{ width }} />)}</div>
      <div className={styles["panes"]}>
        <div>
          {LINES.map(([depth, left, width], index) => (
            <div key={index} className={styles["line"]}>
              <i style={{ marginLeft: depth * 20, width: 150 - depth * 24 }} />
              <span><i style={{ marginLeft: `${left}%`, width: `${width}%` }} /></span>
            </div>
          ))}
        </div>
        <div className={styles["text"]}>{[92, 84, 96, 61, 0, 88, 94, 40].map((width, index) => <i key={index} style={{ width: `${width}%` }} />)}</div>
      </div>
    </div>
  );
}
