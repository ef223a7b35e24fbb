import {
  IconArrowsSort, IconBinaryTree2, IconBrain, IconCircleDot, IconCloud, IconDatabaseSearch, IconGridDots, IconMessage2Bolt,
  IconPackage, IconRobot, IconServer2, IconTool,
} from "@tabler/icons-react";
import { KIND_LABELS, type Kind } from "../lib/kinds";
import styles from "./KindIcon.module.css";

const ICONS = {
  llm: IconMessage2Bolt,
  embedding: IconGridDots,
  retrieval: IconDatabaseSearch,
  rerank: IconArrowsSort,
  tool: IconTool,
  agent: IconRobot,
  workflow: IconBinaryTree2,
  memory: IconBrain,
  server: IconServer2,
  client: IconCloud,
  queue: IconPackage,
  internal: IconCircleDot,
} as const;

export function KindIcon({ kind, size = 16 }: { kind: Kind; size?: number }) {
  const Icon = ICONS[kind];
  return (
    <span className={styles["icon"]} data-kind={kind} title={KIND_LABELS[kind]}>
      <Icon size={size} stroke={1.7} aria-label={KIND_LABELS[kind]} />
    </span>
  );
}
