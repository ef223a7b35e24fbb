import styles from "./Shell.module.css";

export function Logo({ named = false }: { named?: boolean }) {
  return (
    <span className={styles["brand"]}>
      <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden>
        <rect width="32" height="32" rx="8" fill="#0f766e" />
        <g fill="#fff">
          <rect x="7" y="8" width="18" height="4" rx="2" />
          <rect x="11" y="14" width="11" height="4" rx="2" opacity=".85" />
          <rect x="14" y="20" width="6" height="4" rx="2" opacity=".7" />
        </g>
      </svg>
      {named && <span>Spanglass</span>}
    </span>
  );
}
